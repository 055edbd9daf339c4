"""Levels under their author's hands: they run before everything is explained, and no sooner."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmemquest.content.problem import ProblemsFound
from kmemquest.level.attempt import Attempt
from kmemquest.level.check import check_paths
from kmemquest.level.demonstrate import demonstrations
from kmemquest.level.load import load_level
from kmemquest.level.plain import brief_lines, verdict_lines
from kmemquest.level.solve import solve, table
from kmemquest.level.sweep import run_sweep
from kmemquest.level.unfinished import Unfinished, load_unfinished
from kmemquest.level.verdict import judge
from kmemquest.level.watch import LevelWatch
from tests.level.workshop import changed, diagnosis, template

PAGE = "page: (u8 *)__get_free_page(GFP_KERNEL)"
ZEROED = "zeroed: kzalloc(RECORD_BYTES, GFP_KERNEL)"
WRONG_PAGE = "  - {answers: {alloc: page}, fails: clean, misconception: kfree-takes-anything}\n"
WRONG_VIRTUAL = (
    "  - {answers: {alloc: virtual}, fails: clean, misconception: kfree-takes-anything}\n"
)
HINTS = "  - {on: [clean]}      # opens after the mistake; asks about it\n"


def told(found: Unfinished, **answers: str) -> list[str]:
    """Run answers and return what a player is told of them."""
    recording = Attempt(found.level, answers).run()
    return list(verdict_lines(found.level, recording, judge(found.level, recording)))


def text(path: Path, lang: str) -> Path:
    return path.with_name(f"{path.stem}.{lang}.yaml")


def test_a_finished_level_is_the_level_itself(tmp_path: Path) -> None:
    for path in (template(tmp_path), diagnosis(tmp_path)):
        found, strict = load_unfinished(path), load_level(path)
        assert found.problems == ()
        assert found.notice() == ""
        assert found.level.file == strict.file
        assert found.level.texts == strict.texts


def test_an_option_is_run_before_anything_is_written_about_it(tmp_path: Path) -> None:
    path = changed(template(tmp_path), (PAGE, ZEROED))
    found = load_unfinished(path)
    assert [problem.message for problem in found.problems] == ["slot 'alloc' has no option 'page'"]
    assert "unfinished: 1 thing is missing" in found.notice()
    assert str(path) in found.notice()
    assert told(found, alloc="zeroed")[0] == "Passed: 3 of 3 stars."
    assert check_paths([path]).errors != ()


def test_a_wrong_answer_that_still_fits_keeps_its_own_words(tmp_path: Path) -> None:
    found = load_unfinished(changed(template(tmp_path), (PAGE, ZEROED)))
    assert [wrong.answers for wrong in found.level.file.wrong] == [{"alloc": "virtual"}]
    assert any("Memory of vmalloc()" in line for line in told(found, alloc="virtual"))


def test_words_that_may_belong_to_another_answer_are_not_said(tmp_path: Path) -> None:
    path = changed(template(tmp_path), (WRONG_PAGE, ""))
    found = load_unfinished(path)
    assert len(found.problems) == 3
    for lang in ("en", "zh_CN"):
        assert found.level.text(lang).wrong == [""]
    lines = told(found, alloc="virtual")
    assert lines[0] == "Not yet."
    assert not any(
        "kfree() takes the page" in line or "window of its own" in line for line in lines
    )


def test_the_language_that_fits_speaks_for_the_other(tmp_path: Path) -> None:
    path = changed(template(tmp_path), (WRONG_VIRTUAL, ""))
    line = "  - Memory of vmalloc() lies in a window of its own, and kfree() does not look there."
    changed(text(path, "en"), (f"{line}\n", ""))
    found = load_unfinished(path)
    assert found.level.text("zh_CN").wrong == found.level.text("en").wrong
    assert found.level.text("en").wrong[0].startswith("kfree() takes the page")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("", WRONG_PAGE + WRONG_VIRTUAL, ""),
        ("", "fails: clean", "fails: cleen"),
        ("", "fails: clean, ", ""),
        ("", HINTS, ""),
        ("", "on: [clean]", "on: [cleen]"),
        ("", "hints:\n", "hints: soon\nsweep:\n"),
        ("", "refs: [", "# ["),
        ("", "teaches: @", "# @"),
        ("", "difficulty: 1", "difficulty: 11"),
        ("", "minutes: 5", "shows: [{answers: {alloc: paper}}]"),
        ("", "minutes: 5", "sweep: {constant: NO_SUCH, values: [1, 2], probe: cache-of-slot}"),
        ("", "minutes: 5", "sweep: {constant: RECORD_BYTES, values: [1, 2], probe: colour}"),
        ("", "minutes: 5", "shows: [{answers: {alloc: page}, fails: clean}]"),
        (".en", "title: ", "# "),
        (".en", "debrief: |", "debrief: 3\nsweep: |"),
        (".en", "title: ", "options: {alloc: {paper: A page}}\ntitle: "),
        (".en", "title: ", "titel: "),
        (".en", "wrong:  ", "wrong: soon #"),
        (".zh_CN", "wrong:", "hints: ["),
        (".zh_CN", "story: |", "tale: |"),
    ],
)  # fmt: skip
def test_what_only_explains_may_be_missing_or_not_fit(
    file: str, old: str, new: str, tmp_path: Path
) -> None:
    path = template(tmp_path)
    broken = path.with_name(f"{path.stem}{file}.yaml")
    if "@" in old:
        old, new = old.replace("@", "card-record"), new.replace("@", "card-record")
    changed(broken, (old, new))
    with pytest.raises(ProblemsFound):
        load_level(path)
    found = load_unfinished(path)
    assert found.notice()
    assert told(found, alloc="plain")[0] == "Passed: 3 of 3 stars."
    assert told(found, alloc="page")[0] == "Not yet."
    assert list(brief_lines(found.level))
    assert "\n".join(table(solve(found.level))).startswith("★★★")
    assert all(shown.recording.steps for shown in demonstrations(found.level))
    run_sweep(found.level)
    for index in found.level.hints_open(9, ("clean",)):
        assert found.level.hint_text(index, failed=("clean",))
    with pytest.raises(ProblemsFound):
        load_level(path)


def test_a_level_without_a_single_text_runs(tmp_path: Path) -> None:
    path = template(tmp_path)
    for lang in ("en", "zh_CN"):
        text(path, lang).unlink()
    found = load_unfinished(path)
    assert found.level.text().title == "card-record"
    assert len(found.problems) == 2
    assert told(found, alloc="page")[0] == "Not yet."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ram: 64M", "ram: 64X", "'64X' is not a size"),
        ("solution: {alloc: plain}", "solution: {alloc: plane}", "no option 'plane'"),
        ("solution: {alloc: plain}", "", "the key 'solution' is missing"),
        ("script: [insmod, rmmod]", "script: [insmud, rmmod]", "unknown step 'insmud'"),
        ("/*@slot alloc*/", "/*@slot alock*/", "names no slot"),
        ("require: no-leak", "require: no-leek", "unknown predicate 'no-leek'"),
        ("kind: choice", "kind: choose", "expected one of choice"),
        ("driver: |", "motor: |", "the key 'driver' is missing"),
        ("id: card-record", "id: other", "the id must be the file's name"),
        ("window-of-slot", "window-of-slat", "window-of-slat"),
        ("wrong:  ", "wrongs:  ", "unknown key 'wrongs'"),
        ("goals:  ", "golas:  ", "unknown key 'golas'"),
        ("slots:\n", "slots: [\n", "not YAML"),
    ],
)
def test_what_a_run_needs_is_refused_with_its_place(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    path = changed(template(tmp_path), (old, new), (PAGE, ZEROED))
    with pytest.raises(ProblemsFound) as refused:
        load_unfinished(path)
    (first, *_more) = [each for each in refused.value.problems if message in each.message]
    assert first.line > 0
    # What only explains is not among the reasons why it does not run.
    assert not any("'page'" in problem.message for problem in refused.value.problems)


def test_a_students_copy_is_finished_or_broken(tmp_path: Path) -> None:
    path = changed(template(tmp_path), ("minutes: 5", "minutes: 5\nstudent: true"))
    with pytest.raises(ProblemsFound, match="must not hold"):
        load_unfinished(path)


def test_a_diagnosis_runs_without_its_explanations(tmp_path: Path) -> None:
    path = diagnosis(tmp_path)
    lines = path.read_text(encoding="utf-8").split("\nwrong:")[0]
    rest = path.read_text(encoding="utf-8").split("\nwrong:")[1].split("\nhints:")[1]
    path.write_text(f"{lines}\nhints:{rest}", encoding="utf-8")
    found = load_unfinished(path)
    assert found.level.file.wrong == []
    assert told(found, **found.level.file.solution)[0].startswith("Passed")


def test_a_watch_shows_an_unfinished_level_and_says_so(tmp_path: Path) -> None:
    path = template(tmp_path)
    watch = LevelWatch(path)
    first = watch.poll()
    assert first is not None
    assert first.unfinished == ""
    changed(path, (PAGE, ZEROED))
    shown = watch.poll()
    assert shown is not None
    assert shown.sound
    assert shown.level is not None
    assert "zeroed" in shown.level.file.slots["alloc"].options
    assert shown.unfinished.startswith("unfinished: 1 thing")


def test_a_declared_wrong_answer_that_passes_is_told_as_such(tmp_path: Path) -> None:
    path = changed(
        template(tmp_path), (PAGE, PAGE.replace("(u8 *)__get_free_page(", "kzalloc(60, "))
    )
    found = load_unfinished(path)
    assert found.notice() == ""
    lines = told(found, alloc="page")
    assert lines[0] == "Passed: 3 of 3 stars."
    assert any("declares this answer wrong, and it passes" in line for line in lines)
    assert not any("kfree() takes the page" in line for line in lines)
    solved = list(table(solve(found.level)))
    (row,) = [line for line in solved if "alloc=page" in line]
    assert row.endswith("[declared wrong, but it passes]")
    (virtual,) = [line for line in solved if "alloc=virtual" in line]
    assert "declared" not in virtual
    assert any("this answer passes" in error.message for error in check_paths([path]).errors)


def test_each_winner_is_told_once(tmp_path: Path) -> None:
    solution = solve(load_level(template(tmp_path)))
    lines = list(table(solution))
    assert sum("kzalloc(RECORD_BYTES, GFP_NOIO)" in line for line in lines) == 1
    wins = [line for line in lines if "win three stars" in line]
    assert wins == [f"{len(solution.loopholes)} answers besides the solution win three stars"]
    assert sum(line.startswith("habits that pass: ") for line in lines) == 1
