"""`kmemquest quiz`: questions line by line, in any terminal, through any pipe."""

from __future__ import annotations

import argparse
import json
import random
import shlex
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from kmemquest.cli.asking import Ended, ask, print_feedback, print_question
from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.cli.own_files import bank_of, prove
from kmemquest.i18n import _, language, ngettext
from kmemquest.quiz.answer_key import NoKey, settled
from kmemquest.quiz.bank import Bank
from kmemquest.quiz.draw import draw, shuffled, topics
from kmemquest.quiz.generator import GENERATORS, generate
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.grade import Grade
from kmemquest.quiz.own_bank import OwnBank
from kmemquest.quiz.presentation import key_text
from kmemquest.quiz.question import KINDS, Question
from kmemquest.quiz.review import note_outside
from kmemquest.store import Store


def command(arguments: argparse.Namespace) -> int:
    """Draw questions and ask them; exit 0 when every one was answered rightly."""
    choose_language(arguments.language)
    load_generators()
    bank = bank_of(arguments.files)
    if not 1 <= arguments.count <= 1000:
        raise BadInput("--count must lie between 1 and 1000")
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    questions = _chosen(bank, arguments, seed)
    prove(bank, [question.id for question in questions])
    if arguments.json:
        print(json.dumps([question_json(each) for each in questions], ensure_ascii=False, indent=1))
        return 0
    if isinstance(bank, OwnBank):
        print(_("Questions from your files: the answers are not recorded."))
        return ask_all(questions, seed, bank)
    store = Store.open()
    try:
        return ask_all(questions, seed, bank, lambda result: note_outside(store, result, _now()))
    finally:
        store.close()


def _now() -> datetime:
    return datetime.now().astimezone()


def _chosen(bank: Bank, arguments: argparse.Namespace, seed: int) -> tuple[Question, ...]:
    check_topic(bank, arguments.topic)
    if arguments.question:
        return (_named(bank, arguments.question, seed),)
    if arguments.kind is None and arguments.difficulty is None:
        return draw(bank, arguments.count, seed, arguments.topic, language())
    if arguments.kind not in (None, *KINDS):
        raise BadInput(f"no kind {arguments.kind!r}: there are {', '.join(KINDS)}")
    names = [
        entry.id
        for entry in bank.entries
        if arguments.topic in (None, entry.topic)
        and arguments.kind in (None, entry.kind)
        and arguments.difficulty in (None, entry.difficulty)
    ]
    if not names:
        raise BadInput("no question of the bank has this topic, kind and difficulty")
    chance = random.Random(seed)
    chance.shuffle(names)
    return tuple(
        shuffled(bank.question(name, language()), chance) for name in names[: arguments.count]
    )


def check_topic(bank: Bank, topic: str | None) -> None:
    """Refuse an unknown topic with the list of topics."""
    if topic is not None and topic not in topics(bank):
        file = topic if topic.endswith(".yaml") else f"{topic}.yaml"
        if Path(file).is_file():
            raise BadInput(f"no topic {topic!r}, but a file: kmemquest quiz {shlex.quote(file)}")
        raise BadInput(f"no topic {topic!r}: there are {', '.join(topics(bank))}")


def _named(bank: Bank, name: str, seed: int) -> Question:
    family, _hash, number = name.partition("#")
    if name in bank:
        return shuffled(bank.question(name, language()), random.Random(seed))
    if family in GENERATORS and bank.families:
        chosen = int(number) if number.isascii() and number.isdigit() else seed
        return generate(family, chosen, language())
    if not bank.families:
        there = ", ".join(entry.id for entry in bank.entries)
        raise BadInput(f"no question {name!r} in these files: there are {there}")
    raise BadInput(f"no question {name!r}: see kmemquest quiz --json, or a family and #seed")


def question_json(question: Question, *, key: bool = True) -> dict[str, Any]:
    """Return a question as plain values; with its key, or without for a written test."""
    if key:
        try:
            question = settled(question)
        except NoKey as error:
            raise BadInput(str(error)) from None
    experiment = question.experiment
    shown: dict[str, Any] = {
        "id": question.id,
        "topic": question.topic,
        "kind": question.kind,
        "difficulty": question.difficulty,
        "prompt": question.prompt,
        "options": [_option_json(question, n, key) for n in range(len(question.options))],
        "explanation": question.explanation if key else "",
        "sources": list(question.sources) if key else [],
        "given": list(question.given),
        "seed": question.seed,
    }
    if key:
        shown |= {"key": key_text(question), "folk": question.folk, "verdict": question.verdict}
        shown |= {"number": question.number, "correct": sorted(question.correct_ids)}
    if question.claim:
        shown["claim"] = question.claim
    if question.unit:
        shown["unit"] = question.unit
    if question.items:
        shown["items"] = dict(question.items)
    if experiment is not None and (key or not question.hides_driver):
        shown["driver"] = experiment.driver
        shown["script"] = experiment.steps
        shown["machine"] = experiment.machine
        shown["checkers"] = experiment.checkers
    return {name: value for name, value in shown.items() if value not in (None, "", [])}


def _option_json(question: Question, index: int, key: bool) -> dict[str, Any]:
    option = question.options[index]
    shown: dict[str, Any] = {"id": option.id, "text": option.text}
    if option.line:
        shown["line"] = option.line
    if key:
        shown |= {"feedback": option.feedback, "correct": option.correct}
        if option.belief:
            shown["belief"] = option.belief
    return shown


def ask_all(
    questions: tuple[Question, ...],
    seed: int,
    bank: Bank | None = None,
    save: Callable[[Grade], None] | None = None,
) -> int:
    """Ask every question on standard input and output; stop kindly when the input ends.

    `save` is handed each grade at once.
    """
    print(_("Seed {seed}: the same number gives the same questions again.").format(seed=seed))
    right = asked = 0
    for number, question in enumerate(questions, 1):
        print()
        print_question(question, f"{number}/{len(questions)}")
        try:
            result = ask(question)
        except Ended:
            break
        asked += 1
        right += result.passed
        if save is not None:
            save(result)
        print_feedback(result, bank, language())
        if question.seed is not None:
            print(_("Another one: kmemquest quiz --question {id}").format(id=_another(question)))
    print()
    print(
        ngettext(
            "{right} of {asked} question right.", "{right} of {asked} questions right.", asked
        ).format(right=right, asked=asked)
    )
    return 0 if asked == len(questions) == right else 1


def _another(question: Question) -> str:
    """Return the id of the same family's question with the next seed."""
    assert question.seed is not None
    return f"{question.id.partition('#')[0]}#{question.seed + 1}"
