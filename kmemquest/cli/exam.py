"""`kmemquest exam [BLUEPRINT]`: sit a mock interview line by line, or print its paper."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from kmemquest.cli.asking import Ended, print_question, read_answer
from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.cli.own_files import bank_of, prove
from kmemquest.cli.quiz import question_json
from kmemquest.cli.terminal import print_prose
from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import _, language, ngettext
from kmemquest.quiz.answer_key import settled
from kmemquest.quiz.bank import Bank
from kmemquest.quiz.draw import topic_title
from kmemquest.quiz.exam import (
    CannotDraw,
    ExamReport,
    Paper,
    Sitting,
    TimeIsUp,
    draw_paper,
    report,
)
from kmemquest.quiz.exam_model import (
    Blueprint,
    blueprint_text,
    read_blueprint,
    shipped_blueprints,
)
from kmemquest.quiz.exam_print import paper_html, paper_markdown
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.grade import MalformedAnswer
from kmemquest.quiz.own_bank import OwnBank
from kmemquest.quiz.presentation import key_text, option_text, prompt_lines
from kmemquest.quiz.review import note_outside
from kmemquest.quiz.study import study_map
from kmemquest.store import ExamResult, Store


def now() -> datetime:
    """Return the present moment with the player's time zone."""
    return datetime.now().astimezone()


def command(arguments: argparse.Namespace) -> int:
    """List blueprints, print a paper, or sit it; exit 0 when passed, 1 when not."""
    choose_language(arguments.language)
    load_generators()
    if arguments.blueprint is None:
        return _list(as_json=arguments.json)
    blueprint = _blueprint(arguments.blueprint)
    bank = bank_of(arguments.own)
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    try:
        paper = draw_paper(blueprint, bank, seed)
    except CannotDraw as error:
        raise BadInput(f"{blueprint.id}: {error}") from None
    prove(bank, [slot.name for slot in paper.slots])
    if arguments.form == "json":
        print(json.dumps(_paper_json(paper, bank, arguments.key), ensure_ascii=False, indent=1))
        return 0
    if arguments.form is not None:
        make = paper_html if arguments.form == "html" else paper_markdown
        print(make(paper, bank, language(), key=arguments.key), end="")
        return 0
    return _sit(paper, bank, as_json=arguments.json)


def _list(*, as_json: bool) -> int:
    rows = [(each, blueprint_text(each, language())) for each in shipped_blueprints()]
    if as_json:
        shown = [
            {
                "id": each.id,
                "title": text.title,
                "about": text.about,
                "questions": each.count,
                "minutes": each.minutes,
            }
            for each, text in rows
        ]
        print(json.dumps(shown, ensure_ascii=False, indent=1))
        return 0
    for each, text in rows:
        print(f"{each.id}: {text.title}")
        print(f"  {text.about}")
    print(_("Sit one: kmemquest exam BLUEPRINT. Print one: add --print md or --print html."))
    return 0


def _blueprint(word: str) -> Blueprint:
    shipped = {each.id: each for each in shipped_blueprints()}
    if word in shipped:
        return shipped[word]
    path = Path(word)
    if not path.is_file():
        raise BadInput(f"no exam {word!r}: there are {', '.join(shipped)}, or name a file")
    try:
        return read_blueprint(path)
    except ProblemsFound as found:
        raise BadInput("\n".join(map(str, found.problems))) from None


def _paper_json(paper: Paper, bank: Bank, key: bool) -> dict[str, object]:
    questions = [paper.question(n, bank, language()) for n in range(len(paper.slots))]
    return {
        "blueprint": paper.blueprint.id,
        "seed": paper.seed,
        "minutes": paper.blueprint.minutes,
        "points": paper.points,
        "questions": [
            {**question_json(question, key=key), "points": slot.points}
            for question, slot in zip(questions, paper.slots, strict=True)
        ],
    }


def _sit(paper: Paper, bank: Bank, *, as_json: bool) -> int:
    sitting = Sitting(paper, bank, language(), now())
    text = blueprint_text(paper.blueprint, language())
    if not as_json:
        print_prose([f"{text.title}: {text.about}"])
        print(_("Paper {seed}: the same number gives the same paper.").format(seed=paper.seed))
        if isinstance(bank, OwnBank):
            print(_("Questions from your files: the answers are not recorded."))
        print_prose([_("Words: an answer; flag, next, back, go N, list, finish.")])
    _Walk(sitting, quiet=as_json).go()
    result = report(sitting, now())
    if not isinstance(bank, OwnBank):
        _save(sitting, result)
    if as_json:
        shown = {**result.as_json(), "study": _study_json(result)}
        print(json.dumps(shown, ensure_ascii=False, indent=1))
    else:
        _tell_answers(sitting)
        tell_report(result, bank)
    return 0 if result.passed else 1


def _save(sitting: Sitting, result: ExamReport) -> None:
    store = Store.open()
    moment = now()
    try:
        for given in sitting.grades.values():
            note_outside(store, given, moment)
        store.review.record_exam(
            ExamResult(
                moment.timestamp(),
                result.blueprint,
                result.seed,
                result.total.share,
                json.dumps(result.as_json(), ensure_ascii=False),
            )
        )
    finally:
        store.close()


def _tell_answers(sitting: Sitting) -> None:
    """Print each question that was not wholly right with its key and explanation."""
    for index in range(len(sitting.paper.slots)):
        given = sitting.grades.get(index)
        if given is not None and given.passed:
            continue
        question = settled(sitting.question(index))
        print()
        first = next(iter(prompt_lines(question)))
        mark = "–" if given is None else f"✗ {100 * given.score:.0f}%"
        print_prose([f"{index + 1}. {mark}  {first}"])
        print_prose([_("Key: {key}").format(key=key_text(question))])
        for option in question.options:
            if option.correct or (given is not None and option.id in given.chosen):
                first, *rest = option_text(question, option).split("\n")
                print_prose([f"  {'✓' if option.correct else '✗'} {first}"])
                print_prose(f"    {line}" for line in (*rest, option.feedback))
        print_prose(question.explanation.split("\n"))


class _Walk:
    """Going through a paper by words until it is finished or the time is up."""

    def __init__(self, sitting: Sitting, *, quiet: bool) -> None:
        self._sitting = sitting
        self._quiet = quiet
        self._at = 0
        self._last = len(sitting.paper.slots) - 1

    def go(self) -> None:
        """Read words until the end."""
        shown = -1
        while True:
            if shown != self._at and not self._quiet:
                self._show()
            shown = self._at
            began = now()
            try:
                text = read_answer(self._sitting.question(self._at), "" if self._quiet else "> ")
                if self._word(text.strip().lower()):
                    return
            except (Ended, TimeIsUp):
                if not self._quiet and not self._sitting.seconds_left(now()):
                    print(_("Time is up."))
                return
            except _AnAnswer:
                self._take(text, (now() - began).total_seconds())
                if self._finished():
                    return

    def _take(self, text: str, seconds: float) -> None:
        try:
            self._sitting.answer(self._at, text, now(), seconds)
        except MalformedAnswer as error:
            self._say(str(error))
            return
        except TimeIsUp:
            self._say(_("Time is up."))
            return
        self._at = min(self._at + 1, self._last)

    def _finished(self) -> bool:
        if self._sitting.seconds_left(now()) == 0:
            return True
        if not self._sitting.open_questions:
            self._say(_("Everything is answered. Type “finish”, or change an answer."))
        return False

    def _word(self, word: str) -> bool:
        """Obey a word; True ends the sitting, _AnAnswer tells that it was none."""
        number = word.removeprefix("go ").strip()
        if word in ("finish", "q", "quit"):
            return True
        if word == "flag":
            flagged = self._sitting.flag(self._at)
            self._say(_("Flagged.") if flagged else _("The flag is gone."))
        elif word in ("next", ""):
            self._at = min(self._at + 1, self._last)
        elif word == "back":
            self._at = max(self._at - 1, 0)
        elif word == "list":
            self._list()
        elif word.startswith("go ") and number.isascii() and number.isdigit():
            self._at = max(0, min(int(number[:6]) - 1, self._last))
        else:
            raise _AnAnswer
        return False

    def _show(self) -> None:
        left = self._sitting.seconds_left(now())
        print()
        clock = f"{left // 60}:{left % 60:02}"
        points = self._sitting.paper.slots[self._at].points
        print(_("{clock} left · points: {points}").format(clock=clock, points=points))
        head = f"{self._at + 1}/{self._last + 1}"
        print_question(self._sitting.question(self._at), head)

    def _list(self) -> None:
        marks = [
            f"{n + 1}{'✓' if n in self._sitting.grades else '·'}"
            f"{'⚑' if n in self._sitting.flagged else ''}"
            for n in range(self._last + 1)
        ]
        self._say("  ".join(marks))

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(text)


class _AnAnswer(Exception):
    """What was typed is no word of the exam, so it is an answer."""


def _study_json(result: ExamReport) -> list[dict[str, object]]:
    study = study_map()
    return [
        {"topic": topic, "levels": advice.levels, "read": advice.read}
        for topic in result.gaps
        for advice in [study.advise(topic, result.gap_tags.get(topic, ()))]
    ]


def tell_report(result: ExamReport, bank: Bank) -> None:
    """Print how an exam went: total, topics, gaps with levels to play and documents to read."""
    print()
    minutes = round(result.minutes)
    print(
        ngettext(
            "{reached} of {possible} points ({share} %), {minutes} minute.",
            "{reached} of {possible} points ({share} %), {minutes} minutes.",
            minutes,
        ).format(
            reached=f"{result.total.reached:g}",
            possible=result.total.possible,
            share=round(100 * result.total.share),
            minutes=minutes,
        )
    )
    print(_("Passed.") if result.passed else _("Not passed."))
    for topic, tally in result.by_topic.items():
        title = topic_title(bank, topic, language())
        print(f"  {tally.reached:>5g} / {tally.possible:<3} {_bar(tally.share)}  {title}")
    study = study_map()
    for topic in result.gaps:
        advice = study.advise(topic)
        print(_("To study: {topic}").format(topic=topic_title(bank, topic, language())))
        if advice.levels:
            print_prose([_("  play: {levels}").format(levels=_commands(advice.levels))])
        if advice.read:
            print_prose([_("  read: {documents}").format(documents=", ".join(advice.read))])
    for belief in result.beliefs:
        if words := bank.belief(belief, language()):
            print_prose([_("The belief behind it: {belief}").format(belief=words)])


def _commands(levels: Sequence[str]) -> str:
    return ", ".join(f"kmemquest play {name}" for name in levels)


def _bar(share: float) -> str:
    full = round(10 * share)
    return "█" * full + "░" * (10 - full)
