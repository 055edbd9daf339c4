"""The checker finds levels that do not teach what they claim."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from kmemquest.content import levels_root
from kmemquest.level.check import check_paths

PILOT = next(levels_root().glob("*/rx-ring-refill.yaml"))


@pytest.fixture
def level(tmp_path: Path) -> Path:
    for file in PILOT.parent.glob("rx-ring-refill*.yaml"):
        shutil.copy(file, tmp_path)
    return tmp_path / PILOT.name


def errors_after(path: Path, *changes: tuple[str, str]) -> list[str]:
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return [str(error) for error in check_paths([path]).errors]


def test_the_pilot_is_sound() -> None:
    result = check_paths([PILOT])
    assert result.errors == ()
    assert result.levels == 1
    assert result.wrong_answers_proven == 2


def test_a_solution_that_fails_is_told_at_its_line(level: Path) -> None:
    found = errors_after(
        level, ("atomic: kmalloc(RX_LEN, GFP_ATOMIC)", "atomic: kmalloc(RX_LEN, GFP_NOIO)")
    )
    line = next(
        n for n, text in enumerate(level.read_text().split("\n"), 1) if text.startswith("solution:")
    )
    assert any(f":{line}:" in e and "the solution fails the goal 'no-sleep'" in e for e in found)


def test_a_wrong_answer_that_passes_is_told(level: Path) -> None:
    found = errors_after(level, ("answers: {alloc: vmalloc}", "answers: {alloc: roomy}"))
    assert any("this answer passes" in error for error in found)


def test_a_wrong_answer_that_fails_for_another_reason_is_told(level: Path) -> None:
    found = errors_after(level, ("fails: no-sleep", "fails: clean"))
    assert any("this answer fails no-sleep, not clean" in error for error in found)


def test_a_level_that_passes_by_itself_is_told(level: Path) -> None:
    found = errors_after(level, ('empty: "NULL"', "empty: kmalloc(RX_LEN, GFP_ATOMIC)"))
    assert any("passes with nothing answered" in error for error in found)


def test_stars_out_of_reach_are_told(level: Path) -> None:
    found = errors_after(
        level,
        ("three: {waste-below: {fraction: 0.05", "three: {latency-below: {ns: 1"),
        (", needed: 2048}}\nsolution", "}}\nsolution"),
    )
    assert any("the solution does not reach this star" in error for error in found)


def test_a_prediction_that_does_not_offer_the_truth_is_told(level: Path) -> None:
    found = errors_after(
        level, ("[nothing, sleep-in-atomic, kernel-bug]", "[sleep-in-atomic, kernel-bug]")
    )
    assert any("'nothing', is not offered" in error for error in found)


def test_c_errors_are_told_at_their_line_of_the_level_file(level: Path) -> None:
    found = errors_after(level, ("return IRQ_HANDLED;", "return IRQ_HANDLET;"))
    line = next(n for n, text in enumerate(level.read_text().split("\n"), 1) if "HANDLET" in text)
    assert any(f":{line}:" in error and "does not compile" in error for error in found)


def test_campaigns_are_checked_for_order_and_titles(tmp_path: Path) -> None:
    """One level is enough for a campaign; the shipped one is proven by `kmemquest check`."""
    world = PILOT.parent.name
    (tmp_path / world).mkdir()
    for file in PILOT.parent.glob("rx-ring-refill*.yaml"):
        shutil.copy(file, tmp_path / world)
    pilot = tmp_path / world / PILOT.name
    pilot.write_text(re.sub(r"uses: \[.*\]", "uses: [never-taught]", pilot.read_text()))
    (tmp_path / "campaign.yaml").write_text(
        f"format_version: 1\nworlds:\n  - {{folder: {world}, levels: [absent, rx-ring-refill]}}\n"
    )
    title = f"worlds: {{{world}: {{title: A world, about: One.}}}}\n"
    (tmp_path / "campaign.en.yaml").write_text(title + "concepts: {gfp-atomic: atomic}\n")
    (tmp_path / "campaign.zh_CN.yaml").write_text(title + "concepts: {gfp-other: other}\n")
    found = [str(error) for error in check_paths([tmp_path]).errors]
    assert any("there is no level file for 'absent'" in error for error in found), found
    assert any("uses 'never-taught'" in error for error in found), found
    assert any("the concept 'gfp-atomic' has no name" in error for error in found), found


def test_the_shape_of_the_json() -> None:
    data = check_paths([PILOT]).as_json()
    assert list(data) == ["files", "levels", "questions", "wrong_answers_proven", "errors"]
    json.dumps(data)


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    (error,) = check_paths([tmp_path / "nowhere"]).errors
    assert "there is nothing here" in error.message


def test_an_answer_that_breaks_the_simulator_is_told_and_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("kmemquest.level.trial.Trial.run", fail)
    (error,) = check_paths([PILOT]).errors
    assert "breaks the simulator: ZeroDivisionError: oh" in error.message
