"""Outcomes and reports in the player's words, the same as in levels."""

import pytest

from kmemquest.i18n import LANGUAGES, set_language
from kmemquest.kernel.events import Report
from kmemquest.quiz.expectation import OUTCOMES, failed_text
from kmemquest.quiz.experiment import Findings
from kmemquest.quiz.outcome_words import outcome_words, report_words, run_words


def silent(kind: str) -> Report:
    return Report(kind, "silent", "", spoken=False)


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_no_outcome_is_told_by_its_own_name(spoken: str) -> None:
    set_language(spoken)
    try:
        words = [outcome_words(outcome) for outcome in OUTCOMES]
        assert len(set(words)) == len(OUTCOMES)
        assert not set(words) & set(OUTCOMES)
        assert "-" not in report_words("sleep-in-atomic")
        for outcome in OUTCOMES[1:]:
            assert outcome_words(outcome) in run_words(Findings(outcome))
    finally:
        set_language("en")


def test_a_plain_run_needs_no_words() -> None:
    assert run_words(Findings("ran")) == ""
    spoken = Report("warning", "WARN", "WARNING: it is told already")
    assert run_words(Findings("ran", reports=(spoken,))) == ""


def test_what_the_kernel_did_not_say_is_named_once() -> None:
    found = Findings("ran", reports=(silent("leak"), silent("leak"), silent("sleep-in-atomic")))
    assert run_words(found) == "The kernel said nothing of: leak, sleep in atomic context"


def test_goals_that_do_not_hold_are_told_in_words_too() -> None:
    told = failed_text({"outcome": "ran"}, Findings("does-not-compile"))
    assert told == "How the run ended: it does not compile. Wanted: it runs to the end."
    told = failed_text({"report": "sleep-in-atomic"}, Findings("ran"))
    assert told == "The kernel should report: sleep in atomic context."
    told = failed_text({"value": {"of": {"calls": "kfree"}, "at-least": 2}}, Findings("ran"))
    assert told == "Measured: 0; wanted: ≥ 2."
