"""`play --training` and `play --test-out` without a screen: one save, both ways of asking."""

import io
import json
from pathlib import Path

import pytest

from kmemquest.cli.main import main
from kmemquest.i18n import set_language
from kmemquest.level.library import Library
from kmemquest.store import Attempt, Store

LIBRARY = Library.open()
WORLD = next(
    number
    for number, world in enumerate(LIBRARY.campaign.worlds, 1)
    if any(entry.head["checkpoint"] for entry in LIBRARY.levels_of(world.folder))
)
FOLDER = LIBRARY.campaign.worlds[WORLD - 1].folder
CHECKPOINT = [e for e in LIBRARY.levels_of(FOLDER) if e.head["checkpoint"]][-1].load()


@pytest.fixture(autouse=True)
def save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "save.sqlite3"
    monkeypatch.setattr("kmemquest.store.store.save_path", lambda: path)
    monkeypatch.setenv("LANG", "C.UTF-8")
    set_language("en")
    return path


def answers(given: dict[str, str]) -> list[str]:
    return [word for slot, answer in given.items() for word in ("--answer", f"{slot}={answer}")]


def test_a_world_is_tested_out_headless(save: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sitting = ["play", "--test-out", str(WORLD), "--json"]
    assert main(sitting) == 0
    asked = json.loads(capsys.readouterr().out)
    assert asked["level"] == CHECKPOINT.id
    assert set(asked["slots"]) == set(CHECKPOINT.file.slots)
    wrong = {**CHECKPOINT.file.solution, **CHECKPOINT.file.wrong[0].answers}
    assert main([*sitting, *answers(wrong)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["test"]["mistakes"], told["test"]["state"], told["passed"]) == (1, "open", False)
    assert main([*sitting, *answers(CHECKPOINT.file.solution)]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["state"] == "passed"
    assert Store.open(save).practice.tested_out == {FOLDER}
    assert main(sitting) == 2
    assert "already" in capsys.readouterr().err
    assert main(["play", "--take-back", FOLDER]) == 0
    assert Store.open(save).practice.tested_out == frozenset()


def test_a_second_mistake_ends_the_test(capsys: pytest.CaptureFixture[str]) -> None:
    sitting = ["play", "--headless", "--test-out", FOLDER]
    wrong = {**CHECKPOINT.file.solution, **CHECKPOINT.file.wrong[0].answers}
    for _attempt in range(2):
        assert main([*sitting, *answers(wrong)]) == 1
    assert "second mistake" in capsys.readouterr().out
    assert main([*sitting, *answers(CHECKPOINT.file.solution)]) == 2
    assert "one more level" in capsys.readouterr().err


def test_training_needs_something_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", "--training", "--json"]) == 2
    assert "pass a level first" in capsys.readouterr().err


def test_training_is_reproducible_by_level_and_number(
    save: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    level = LIBRARY.entries[0].load()
    words = ["play", level.id, "--training", "--seed", "9", "--json"]
    assert main([*words, *answers(level.file.solution)]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main([*words, *answers(level.file.solution)]) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert (first["seed"], first["machine"]) == (9, 9)
    assert Store.open(save).practice.times_trained(level.id) == 2


def test_a_verb_of_a_later_world_is_refused_and_not_counted(
    save: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["play", "lidar-scan", "--training", "--seed", "1", "--headless"]
    assert main([*words, *_slot("lidar-scan")]) == 2
    assert "vmap() comes later, in world 5" in capsys.readouterr().err
    assert Store.open(save).practice.runs == 0


def _slot(level: str) -> list[str]:
    """The level's own slot, whatever it is called."""
    name = next(iter(LIBRARY.find(level).file.slots))
    return ["--answer", f"{name}=(u64)vmap(0, 0, 0, 0)"]


def test_training_line_by_line(
    save: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(save)
    level = LIBRARY.entries[0].load()
    store.record_attempt(Attempt(level.id, {}, True, 1))
    store.close()
    slot, right = next(iter(level.file.solution.items()))
    wrong = level.file.wrong[0].answers[slot]
    typed = [wrong, "", "verdict", "", right, "", "verdict", "quit"]
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{word}\n" for word in typed)))
    assert main(["play", "--training", "--plain"]) == 0
    told = capsys.readouterr().out
    assert "training 1" in told
    assert "Not yet." in told
    assert "Passed: " in told
    assert "Hint:" not in told
    assert level.text().story.split(".")[0] not in told
    assert Store.open(save).practice.times_trained(level.id) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["play"],
        ["play", "calibration-block", "--seed", "3"],
        ["play", "--test-out", "77", "--json"],
        ["play", "no-such", "--training", "--json"],
        ["play", "--training", "--watch"],
    ],
)
def test_what_does_not_fit_is_said(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("kmemquest: ")
