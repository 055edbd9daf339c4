"""A training or a test line by line: no lecture, no hints, on to the next level at will."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kmemquest.cli.plain_play import (
    InputEnded,
    Walk,
    ask_answers,
    ask_prediction,
    print_all,
    read_word,
)
from kmemquest.i18n import _
from kmemquest.level.attempt import AnswerError, Attempt
from kmemquest.level.diagnose import has_diagnosis, is_sealed
from kmemquest.level.plain import artefact_lines, brief_lines, verdict_lines
from kmemquest.level.verdict import judge

if TYPE_CHECKING:
    from kmemquest.cli.practice import PlainRound

ANOTHER = ("n", "next")


def play_round(first: PlainRound, following: Callable[[PlainRound], PlainRound | None]) -> int:
    """Play level after level until the round is over or the player leaves; 0 if the last passed."""
    round_: PlainRound | None = first
    passed = False
    try:
        while round_ is not None:
            passed = _play_level(round_)
            if round_.test is not None and round_.test.state != "open":
                break
            print(_("Enter: go on; “quit” leaves."))
            read_word()
            round_ = following(round_)
    except InputEnded:
        print()
    return 0 if passed else 1


def _play_level(round_: PlainRound) -> bool:
    """Play one level; in training a failed one may be left, in a test the mistakes decide."""
    level = round_.level
    print()
    print(f"— {round_.title} —")
    if round_.words:
        print(round_.words)
    print_all(brief_lines(level, story=round_.tells_story))
    if has_diagnosis(level):
        print_all(artefact_lines(level, round_.machine))
    while True:
        given = ask_answers(level, {})
        refusal = round_.refusal(given)
        if refusal:
            print(refusal)
            continue
        prediction = ask_prediction(level)
        try:
            recording = Attempt(level, given, prediction=prediction, seed=round_.machine).run()
        except AnswerError as error:
            print(error)
            continue
        verdict = judge(level, recording)
        round_.ran(given, verdict, prediction)
        if not is_sealed(level, verdict.failed_goals):
            Walk(level, recording, verdict).go()
        print_all(verdict_lines(level, recording, verdict))
        if round_.words:
            print(round_.words)
        if verdict.passed or not round_.may_retry:
            return verdict.passed
        if round_.test is None:
            print(_("Enter: try again; “n”: another level."))
            if read_word() in ANOTHER:
                return False
