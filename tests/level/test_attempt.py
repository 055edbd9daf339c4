"""The pilot level end to end: real C on the simulated kernel, judged and told."""

from __future__ import annotations

from functools import cache

import pytest

from kmemquest import i18n
from kmemquest.kernel import events as ev
from kmemquest.level.attempt import AnswerError, Attempt
from kmemquest.level.compare import compare
from kmemquest.level.library import Library, UnknownLevel
from kmemquest.level.load import Level
from kmemquest.level.plain import brief_lines, lists_lines, slabs_lines, step_lines, verdict_lines
from kmemquest.level.recording import Recording
from kmemquest.level.verdict import Verdict, judge, verdict_json
from kmemquest.level.views import ViewSet
from kmemquest.level.why import why


@cache
def pilot() -> Level:
    return Library.open().find("rx-ring-refill")


@cache
def played(answer: str | None, seed: int | None = None) -> tuple[Recording, Verdict]:
    answers = {} if answer is None else {"alloc": answer}
    recording = Attempt(pilot(), answers, prediction="nothing", seed=seed).run()
    return recording, judge(pilot(), recording)


def test_the_solution_passes_with_three_stars() -> None:
    recording, verdict = played("atomic")
    assert (verdict.passed, verdict.stars, verdict.outcome) == (True, 3, "ran")
    assert verdict.predicted is True
    assert verdict.figures.allocations == 64
    assert [mark.name for mark in recording.script] == ["insmod", "irq", "rmmod"]
    assert recording.script[0].result == 0


def test_sleeping_in_the_handler_is_found_at_its_line() -> None:
    recording, verdict = played("kernel")
    assert not verdict.passed
    assert verdict.stars == 0
    assert verdict.failed_goals == ("no-sleep",)
    assert verdict.first_bad is not None
    assert verdict.first_bad.line in recording.source.lines_of("alloc")
    assert verdict.first_bad.context == "hardirq"
    assert verdict.rule is not None
    assert verdict.rule.kind == "sleep-in-atomic"
    assert verdict.misconception == 0
    assert any("BUG: sleeping function called" in line.text for line in recording.log)


def test_vmalloc_in_the_handler_panics_and_nothing_raises() -> None:
    recording, verdict = played("vmalloc")
    assert recording.outcome == "panicked"
    assert {"refilled", "survives"} <= set(verdict.failed_goals)
    assert verdict.figures.waste is None


def test_doubling_the_size_passes_with_fewer_stars() -> None:
    _, verdict = played("roomy")
    assert (verdict.passed, verdict.stars) == (True, 2)
    assert verdict.figures.waste == pytest.approx(0.5)


def test_nothing_answered_runs_and_fails() -> None:
    recording, verdict = played(None)
    assert recording.outcome == "ran"
    assert verdict.failed_goals == ("refilled",)


def test_the_same_attempt_gives_the_same_recording_and_another_seed_another_machine() -> None:
    first, _ = played("atomic")
    again = Attempt(pilot(), {"alloc": "atomic"}, prediction="nothing").run()
    assert again.digest() == first.digest()
    other, verdict = played("atomic", 99)
    assert other.digest() != first.digest()
    assert verdict.passed, "the lesson does not depend on the seed"


def test_unknown_answers_are_refused_with_a_suggestion() -> None:
    with pytest.raises(AnswerError, match="did you mean 'atomic'"):
        Attempt(pilot(), {"alloc": "atomik"})
    with pytest.raises(AnswerError, match="has no slot 'aloc'"):
        Attempt(pilot(), {"aloc": "atomic"})
    with pytest.raises(UnknownLevel, match="rx-ring-refill"):
        Library.open().find("rx-ring-refil")


def test_steps_lie_on_lines_that_the_player_sees() -> None:
    recording, _ = played("atomic")
    lines = recording.source.text.split("\n")
    inside = [s for s in recording.steps if s.line in recording.source.lines_of("alloc")]
    assert len(inside) == 64
    assert all("kmalloc(RX_LEN, GFP_ATOMIC)" in lines[s.line - 1] for s in inside)
    assert {(s.context_kind, s.irq) for s in inside} == {("hardirq", 17)}
    assert {s.context_kind for s in recording.steps if s.function == "nic_init"} == {"process"}
    covered = sum(s.last_event - s.first_event for s in recording.steps)
    assert covered == len(recording.events) - recording.steps[0].first_event


def test_views_follow_the_ring() -> None:
    recording, _ = played("atomic")
    views = ViewSet(recording)
    used = []
    for step in recording.steps:
        if step.line in recording.source.lines_of("alloc"):
            cache = next(c for c in views.at(step.index).slabs.caches if c.name == "kmalloc-2k")
            used.append(cache.used)
    assert used == list(range(used[0], used[0] + 64))
    end = views.at_end()
    assert [c.used for c in end.slabs.caches if c.name == "kmalloc-2k"] == [used[0] - 1]


def test_why_tells_the_chain_of_a_report() -> None:
    recording, _ = played("kernel")
    report = next(e for e in recording.events if isinstance(e, ev.Report))
    facts = [str(fact) for fact in why(recording, report)]
    assert facts[0].startswith("call of kmalloc(2048, GFP_KERNEL)")
    assert any("BUG: sleeping function" in fact for fact in facts)
    assert [fact.split(":")[0] for fact in facts[-3:]] == ["Rule", "Fix", "Read"]
    assert all(0 <= fact.event < len(recording.events) for fact in why(recording, report))


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
@pytest.mark.parametrize("answer", ["atomic", "kernel", "vmalloc"])
def test_plain_words_in_both_languages(lang: str, answer: str) -> None:
    i18n.set_language(lang)
    try:
        recording, _ = played(answer)
        verdict = judge(pilot(), recording)
        told = [*brief_lines(pilot()), *verdict_lines(pilot(), recording, verdict)]
        views = ViewSet(recording).at(len(recording.steps) - 1)
        told += [*lists_lines(views), *slabs_lines(views)]
        for step in recording.steps[:30]:
            told += step_lines(recording, step.index)
        text = "\n".join(told)
        assert "\x1b" not in text
        assert "{" not in text.replace("{", "", text.count("{ ")) or "int" in text
        assert ("First bad step" in text) == (lang == "en" and answer != "atomic")
        assert ("通过" in text) == (lang == "zh_CN")
    finally:
        i18n.set_language("en")


def test_the_json_of_a_verdict() -> None:
    recording, verdict = played("kernel")
    data = verdict_json(pilot(), recording, verdict)
    assert data["passed"] is False
    assert [goal["id"] for goal in data["goals"]] == ["refilled", "clean", "no-sleep", "survives"]
    assert data["reports"][0]["kind"] == "sleep-in-atomic"
    assert data["reports"][0]["line"] == 18
    assert any("BUG: sleeping function" in line for line in data["log"])


def test_every_option_can_be_compared() -> None:
    rows = list(compare(pilot(), {"alloc": "kernel"}))
    assert [row.option for row in rows] == ["kernel", "atomic", "vmalloc", "roomy"]
    assert [row.verdict.stars for row in rows] == [0, 3, 0, 2]
    assert rows[1].label == "kmalloc(RX_LEN, GFP_ATOMIC)"


def test_c_that_does_not_compile_is_a_verdict_and_no_traceback() -> None:
    level = pilot()
    attempt = Attempt(level, {})
    object.__setattr__(attempt, "source", attempt.source)
    from kmemquest.level.source import substitute

    attempt.source = substitute(level.file.driver, {"alloc": "kmalloc(RX_LEN"})
    recording = attempt.run()
    verdict = judge(level, recording)
    assert recording.outcome == "does-not-compile"
    assert not verdict.passed
    assert verdict.first_bad is not None
    assert verdict.first_bad.line == 18
    assert any(diagnostic.severity == "error" for diagnostic in recording.diagnostics)
    assert any("does not compile" in line for line in verdict_lines(level, recording, verdict))
