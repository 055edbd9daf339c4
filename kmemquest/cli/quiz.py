"""`kmemquest quiz`: questions line by line, in any terminal, through any pipe."""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import asdict

from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.i18n import _, language, ngettext
from kmemquest.quiz.bank import open_bank
from kmemquest.quiz.draw import draw, topics
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.grade import Grade, MalformedAnswer, grade
from kmemquest.quiz.question import Question


def command(arguments: argparse.Namespace) -> int:
    """Draw questions and ask them; exit 0 when every one was answered rightly."""
    choose_language(arguments.language)
    load_generators()
    bank = open_bank()
    if arguments.topic is not None and arguments.topic not in topics(bank):
        raise BadInput(f"no topic {arguments.topic!r}: there are {', '.join(topics(bank))}")
    if not 1 <= arguments.count <= 1000:
        raise BadInput("--count must lie between 1 and 1000")
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    questions = draw(bank, arguments.count, seed, arguments.topic, language())
    if arguments.json:
        print(
            json.dumps([asdict(question) for question in questions], ensure_ascii=False, indent=1)
        )
        return 0
    return ask_all(questions, seed)


def ask_all(questions: tuple[Question, ...], seed: int) -> int:
    """Ask every question on standard input and output; stop kindly when the input ends."""
    print(_("Seed {seed}: the same number gives the same questions again.").format(seed=seed))
    right = asked = 0
    for number, question in enumerate(questions, 1):
        print()
        print(f"{number}/{len(questions)}  {question.prompt}")
        for letter, option in zip("abcdefgh", question.options, strict=False):
            print(f"  {letter}) {option.text}")
        if question.kind == "multiple":
            print(_("Choose all that apply, e.g. “a c”."))
        result = _ask(question)
        if result is None:
            break
        asked += 1
        right += result.passed
        print_feedback(result)
    print()
    print(
        ngettext(
            "{right} of {asked} question right.", "{right} of {asked} questions right.", asked
        ).format(right=right, asked=asked)
    )
    return 0 if asked == len(questions) == right else 1


def _ask(question: Question) -> Grade | None:
    while True:
        print("> ", end="", flush=True)
        line = sys.stdin.readline()
        if not line or line.strip() in ("q", "quit"):
            return None
        try:
            return grade(question, line)
        except MalformedAnswer as error:
            print(error)


def print_feedback(result: Grade) -> None:
    """Print why each option is right or wrong, the explanation and the sources."""
    question = result.question
    print("✓ " + _("Right.") if result.passed else "✗ " + _("Not quite."))
    for option, chosen in result.feedback:
        mark = "✓" if option.correct else "✗"
        pointer = "→" if chosen else " "
        print(f" {pointer}{mark} {option.text}")
        print(f"     {option.feedback}")
    if result.remark:
        print(f"     {result.remark}")
    if question.folk:
        print(_("What circulates: {folk}").format(folk=question.folk))
    print(question.explanation)
    print(_("Source: {sources}").format(sources=" · ".join(question.sources)))
