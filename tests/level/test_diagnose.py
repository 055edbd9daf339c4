"""Diagnosis: object, line and fix are named from the log and /proc; nobody typed what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmemquest.level.attempt import AnswerError, Attempt
from kmemquest.level.check import check_paths
from kmemquest.level.diagnose import artefacts, incident
from kmemquest.level.load import Level, load_level
from kmemquest.level.verdict import judge
from tests.level.workshop import changed, diagnosis


@pytest.fixture
def level(tmp_path: Path) -> Level:
    return load_level(diagnosis(tmp_path))


RIGHT = {
    "culprit": "descriptors",
    "symptom": "late",
    "place": "touched",
    "unwind": "stop,free",
}


def failed(level: Level, **answers: str) -> tuple[str, ...]:
    return judge(level, Attempt(level, {**RIGHT, **answers}).run()).failed_goals


def test_the_diagnosis_is_sound(tmp_path: Path) -> None:
    result = check_paths([diagnosis(tmp_path)])
    assert result.errors == ()
    assert result.wrong_answers_proven == 4


def test_every_part_is_a_goal_of_its_own(level: Level) -> None:
    assert failed(level) == ()
    assert failed(level, culprit="statistics") == ("culprit",)
    assert failed(level, symptom="lost") == ("symptom",)
    assert failed(level, place="last", culprit="statistics") == ("culprit", "place")


def test_a_fix_is_judged_by_running_it_and_does_not_change_the_incident(level: Level) -> None:
    assert failed(level, unwind="free,stop") == ("clean",)
    verdict = judge(level, Attempt(level, RIGHT).run())
    assert verdict.passed
    assert verdict.stars == 3


def test_a_line_may_be_named_by_its_number_too(level: Level) -> None:
    lines = Attempt(level, {}).source.text.split("\n")
    number = next(n for n, line in enumerate(lines, 1) if "ring->head = 0" in line)
    assert failed(level, place=str(number)) == ()
    assert failed(level, place=str(number - 1)) == ("place",)
    with pytest.raises(AnswerError, match="no option 'nowhere'"):
        Attempt(level, {"place": "nowhere"})


def test_the_truth_follows_the_driver(tmp_path: Path) -> None:
    """Another bug in the same driver: what was right is wrong now, and the other way round."""
    path = changed(
        diagnosis(tmp_path),
        ("kfree(ring);\n      \tring->head = 0;", "kfree(ring);"),
        ("  \tkfree(stats);\n", "  \tif (!stats)\n  \t\tkfree(stats);\n"),
        ("touched: ring->head = 0;", "touched: kfree(ring);"),
    )
    level = load_level(path)
    answers = {"culprit": "statistics", "symptom": "lost", "place": "first"}
    verdict = judge(level, Attempt(level, answers).run())
    assert {"culprit", "symptom"}.isdisjoint(verdict.failed_goals)
    right = judge(level, Attempt(level, RIGHT).run())
    assert {"culprit", "symptom", "place"} <= set(right.failed_goals)


def test_the_player_is_handed_the_log_and_proc(level: Level) -> None:
    handed = {artefact.name: artefact.text for artefact in artefacts(level)}
    assert list(handed) == ["dmesg", "slabinfo", "meminfo"]
    assert "BUG: KASAN: slab-use-after-free in nic_exit" in handed["dmesg"]
    assert handed["slabinfo"].startswith("slabinfo - version")
    assert "MemTotal" in handed["meminfo"]


def test_the_incident_runs_once(level: Level) -> None:
    assert incident(level) is incident(level)


def test_a_truth_that_is_not_offered_is_told(tmp_path: Path) -> None:
    path = changed(diagnosis(tmp_path), ("late: slab-use-after-free", "late: double-free"))
    errors = [str(error) for error in check_paths([path]).errors]
    assert any("'slab-use-after-free', is not offered" in error for error in errors)


def test_a_line_that_stands_nowhere_is_told(tmp_path: Path) -> None:
    path = changed(diagnosis(tmp_path), ("last: kfree(stats);", "last: kfree(status);"))
    (error,) = check_paths([path]).errors
    assert "'kfree(status);' is no line of the driver" in error.message
    assert error.line > 0


def test_reactions_answer_the_goal_that_failed(level: Level) -> None:
    verdict = judge(level, Attempt(level, {**RIGHT, "culprit": "statistics"}).run())
    assert level.hints_open(1, verdict.failed_goals)[0] == 0
    assert level.hint_text(0, failed=verdict.failed_goals) == "Look at the size in the report."
    assert level.hint_text(0, failed=("place",)) == "Read the first report."
    assert level.question("culprit") == "Which object was touched too late?"


def test_only_naming_needs_no_goal(tmp_path: Path) -> None:
    """A driver without an open place: who names what went wrong has passed."""
    path = changed(
        diagnosis(tmp_path),
        ("\t/*@slot unwind*/\n", "\tkfree(ring);\n  \tring->head = 0;\n"),
        (', unwind: "stop,free"}', "}"),
        (', misconception: order-does-not-matter}\n', "}\n"),
        ('  - {answers: {unwind: "free,stop"}, fails: clean}\n', ""),
        ("goals: [{id: clean, require: no-report}, {id: returned, require: no-leak}]", "goals: []"),
        ("stars: {two: no-report,", "stars: {two: {calls: {functions: [kmalloc], at_most: 1}},"),
        ("on: [clean, culprit", "on: [culprit"),
    )  # fmt: skip
    text = path.read_text()
    begin = text.index("  unwind:\n")
    end = text.index("script:")
    path.write_text(text[:begin] + text[end:])
    changed(path.with_name("ring-report.en.yaml"), (", The same order again.]", "]"),
            (", clean: The order of two lines matters.}", "}"))  # fmt: skip
    changed(path.with_name("ring-report.zh_CN.yaml"), (", 顺序没有变。]", "]"),
            (", clean: 两行的先后顺序很重要。}", "}"))  # fmt: skip
    changed(path, ("of: [nothing, slab-use-after-free]", "of: [leak, slab-use-after-free]"))
    assert [str(error) for error in check_paths([path]).errors] == []
