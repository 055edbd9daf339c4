"""A level played line by line: no cursor movement, every view by a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.cli.save import open_save
from kmemquest.cli.terminal import read_line
from kmemquest.i18n import _
from kmemquest.level.attempt import AnswerError, Attempt
from kmemquest.level.diagnose import has_diagnosis, is_sealed
from kmemquest.level.load import Level
from kmemquest.level.model import WRITTEN
from kmemquest.level.plain import (
    artefact_lines,
    brief_lines,
    demonstration_lines,
    lists_lines,
    log_lines,
    slabs_lines,
    step_lines,
    verdict_lines,
)
from kmemquest.level.probes import answer_label
from kmemquest.level.recording import Recording
from kmemquest.level.sweep import run_sweep, sweep_question
from kmemquest.level.verdict import Verdict, judge
from kmemquest.level.views.viewset import ViewSet
from kmemquest.level.why import why

if TYPE_CHECKING:
    from kmemquest.store import Attempt as Saved
    from kmemquest.store import Store

QUIT: Final = ("q", "quit")


class InputEnded(Exception):
    """Standard input has no more lines, or the player has quit."""


def play_and_save(level: Level, answers: dict[str, str]) -> int:
    """Play a level line by line with the player's own save."""
    with closing(open_save()) as store:
        return play_plainly(level, answers, store)


def play_plainly(level: Level, answers: dict[str, str], store: Store) -> int:
    """Tell the brief, ask for the answers, run, let the player step, tell the verdict.

    Every attempt is saved as soon as it is judged; so are hints.
    """
    store.opened_level(level.id)
    print_all(brief_lines(level))
    if has_diagnosis(level):
        print_all(artefact_lines(level))
    print_all(demonstration_lines(level))
    passed = False
    attempts = 0
    try:
        while not passed:
            given = ask_answers(level, answers if attempts == 0 else {})
            prediction = ask_prediction(level)
            try:
                recording = Attempt(level, given, prediction=prediction).run()
            except AnswerError as error:
                print(error)
                answers = {}
                continue
            attempts += 1
            verdict = judge(level, recording)
            passed = verdict.passed
            store.record_attempt(saved_attempt(level, given, prediction, verdict))
            if not is_sealed(level, verdict.failed_goals):
                Walk(level, recording, verdict).go()
            print_all(verdict_lines(level, recording, verdict))
            if not passed:
                for index in level.hints_open(attempts, verdict.failed_goals)[-1:]:
                    hint = level.hint_text(index, failed=verdict.failed_goals)
                    print(_("Hint: {text}").format(text=hint))
                    store.record_hint(level.id, index + 1)
                print(_("Try again, or type “quit”."))
        if level.text().debrief:
            print_all(iter([_("Debrief:"), *level.text().debrief.rstrip().split("\n")]))
        _ask_sweep(level)
    except InputEnded:
        print()
    return 0 if passed else 1


def saved_attempt(
    level: Level, answers: dict[str, str], prediction: str | None, verdict: Verdict
) -> Saved:
    """Return what is saved of an attempt."""
    from kmemquest.store import Attempt as Kept

    return Kept(
        level.id, answers, verdict.passed, verdict.stars, verdict.failed_goals, prediction,
        verdict.predicted,
    )  # fmt: skip


def ask_answers(level: Level, given: dict[str, str]) -> dict[str, str]:
    """Ask for every answer that is not given; InputEnded when the player quits."""
    answers = dict(given)
    for name, slot in level.file.slots.items():
        if name in answers:
            continue
        print()
        question = level.question(name)
        print(question or _("Your choice for {slot}:").format(slot=name))
        options = [] if slot.kind in WRITTEN else list(slot.options)
        for number, option in enumerate(options, 1):
            print(f"  {number}) {level.option_label(name, option)}")
        while name not in answers:
            word = read_word()
            if slot.kind == "order":
                answers[name] = _ordered(word, options)
            elif word.isdigit() and 1 <= int(word) <= len(options):
                answers[name] = options[int(word) - 1]
            elif word in options or slot.kind in WRITTEN:
                answers[name] = word
            else:
                print(_("Type a number from 1 to {last}.").format(last=len(options)))
    return answers


def _ordered(word: str, options: list[str]) -> str:
    """Return an order of options from numbers or names: `2,1,3`, `check, map, start`."""
    parts = [part.strip() for part in word.replace(",", " ").split()]
    places = range(1, len(options) + 1)
    return ",".join(
        options[int(part) - 1] if part.isdigit() and int(part) in places else part for part in parts
    )


def _ask_sweep(level: Level) -> None:
    """Ask at which value the answer changes; the simulator then runs them all."""
    question = sweep_question(level)
    if question is None:
        return
    print()
    print(question.text)
    for number, value in enumerate(question.values, 1):
        print(f"  {number}) {value}")
    word = read_word()
    if word.isdigit() and 1 <= int(word) <= len(question.values):
        word = question.values[int(word) - 1]
    result = run_sweep(level)
    for point in result.points:
        print(f"  {point.value}: {answer_label(point.answer)}")
    if word == result.change:
        print(_("Right: it changes at {value}.").format(value=result.change))
    else:
        print(_("It changes at {value}.").format(value=result.change))


def ask_prediction(level: Level) -> str | None:
    """Ask what the run will come to; None when the player does not say."""
    print()
    print(level.text().ask or level.probe.text())
    choices = level.file.predict.of
    for number, choice in enumerate(choices, 1):
        print(f"  {number}) {answer_label(choice)}")
    print(_("(Enter alone: no prediction.)"))
    while True:
        word = read_word()
        if not word:
            return None
        if word.isdigit() and 1 <= int(word) <= len(choices):
            return choices[int(word) - 1]
        if word in choices:
            return word
        print(_("Type a number from 1 to {last}.").format(last=len(choices)))


@dataclass(slots=True)
class Walk:
    """Stepping through a recording by words."""

    level: Level
    recording: Recording
    verdict: Verdict
    step: int = 0

    def go(self) -> None:
        """Read words until the player asks for the verdict."""
        if not self.recording.steps:
            return
        views = ViewSet(self.recording)
        words: dict[str, Callable[[], Iterator[str]]] = {
            "lists": lambda: lists_lines(views.at(self.step)),
            "slabs": lambda: slabs_lines(views.at(self.step)),
            "log": lambda: log_lines(views.at(self.step)),
            "why": self._why,
        }
        print()
        print(_("Words: next, back, event, error, why, lists, slabs, log, verdict, quit."))
        self._tell()
        while True:
            word, _space, rest = read_word().partition(" ")
            count = int(rest) if rest.strip().isdigit() else 1
            if word in ("", "n", "next"):
                self._move(self.step + count)
            elif word in ("b", "back"):
                self._move(self.step - count)
            elif word in ("e", "event"):
                self._move(self.recording.next_step(self.step))
            elif word == "error":
                found = self.recording.first_report_step()
                print(_("No report in this run.")) if found is None else self._move(found)
            elif word in ("v", "verdict"):
                return
            elif word in words:
                print_all(words[word]())
            else:
                print(_("Unknown word {word}.").format(word=word))

    def _move(self, step: int) -> None:
        self.step = max(0, min(step, len(self.recording.steps) - 1))
        self._tell()

    def _tell(self) -> None:
        print_all(step_lines(self.recording, self.step))

    def _why(self) -> Iterator[str]:
        chosen = self.recording.steps[self.step]
        for fact in why(self.recording, max(chosen.first_event, chosen.last_event - 1)):
            yield f"  {fact.text}"


def read_word() -> str:
    """Read a line; InputEnded at the end of the input or when the player quits."""
    line = read_line()
    if line is None or line.strip() in QUIT:
        raise InputEnded
    return line.strip()


def print_all(lines: Iterator[str]) -> None:
    """Print each line."""
    for line in lines:
        print(line)
