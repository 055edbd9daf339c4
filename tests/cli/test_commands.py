"""The command line as scripts and teachers rely on it: output shapes, exit codes, kind errors."""

import gzip
import io
import json
from pathlib import Path

import pytest

from kmemquest.cli.main import main
from kmemquest.store import Attempt, Store

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "tests" / "recordings"


def some_recording() -> Path:
    return min(RECORDINGS.glob("buddy/*.jsonl.gz"), key=lambda p: p.stat().st_size)


@pytest.mark.parametrize("name", ["buddyinfo", "zoneinfo", "meminfo", "slabinfo", "vmallocinfo"])
def test_proc_prints_a_booted_machines_files(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proc", name, "--machine", "128M"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 2


def test_bad_machine_words_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proc", "buddyinfo", "--machine", "ram=256M,speed=9"]) == 2
    error = capsys.readouterr().err
    assert "'speed'" in error
    assert "Traceback" not in error


def test_conform_counts_and_names_the_first_mismatch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = some_recording()
    assert main(["conform", str(recording)]) == 0
    line = capsys.readouterr().out.strip()
    matched, total = line.rpartition(" ")[2].split("/")
    assert matched == total
    assert int(total) > 0
    lines = gzip.decompress(recording.read_bytes()).decode().split("\n")
    index, operation = next(
        (i, json.loads(text)) for i, text in enumerate(lines) if text.startswith('["a",')
    )
    operation[3] += 1
    lines[index] = json.dumps(operation)
    broken = tmp_path / "broken.jsonl"
    broken.write_text("\n".join(lines), encoding="utf-8")
    assert main(["conform", str(broken), "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert row["matched"] < row["total"]
    assert row["first_mismatch"]["line"] == index + 1


def test_conform_refuses_what_is_no_recording(tmp_path: Path) -> None:
    stranger = tmp_path / "x.jsonl"
    stranger.write_text("hello\n", encoding="utf-8")
    assert main(["conform", str(stranger)]) == 2
    assert main(["conform", str(tmp_path / "absent.gz")]) == 2


def test_bank_counts_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bank", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["questions"] >= 30
    assert counts["generators"] >= 10
    assert counts["languages"] == {"en": counts["questions"], "zh_CN": counts["questions"]}


def test_quiz_draws_the_same_questions_for_a_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quiz", "--json", "--seed", "7", "--count", "4"]) == 0
    first = capsys.readouterr().out
    assert main(["quiz", "--json", "--seed", "7", "--count", "4"]) == 0
    assert capsys.readouterr().out == first
    assert len(json.loads(first)) == 4


def test_quiz_asks_grades_and_explains(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quiz", "--json", "--seed", "3", "--count", "1", "--topic", "slab"]) == 0
    (question,) = json.loads(capsys.readouterr().out)
    right = next(o["id"] for o in question["options"] if o["correct"])
    monkeypatch.setattr("sys.stdin", io.StringIO(f"nonsense!\n{right}\n"))
    assert main(["quiz", "--plain", "--seed", "3", "--count", "1", "--topic", "slab"]) == 0
    said = capsys.readouterr().out
    assert question["prompt"] in said
    assert question["explanation"] in said
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["quiz", "--seed", "3", "--count", "1", "--topic", "slab"]) == 1


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["quiz", "--topic", "gardening"], "gardening"),
        (["quiz", "--count", "0"], "--count"),
        (["play", "no-such-level", "--headless"], "no-such-level"),
        (["play", "rx-ring-refill", "--headless", "--answer", "alloc"], "SLOT=OPTION"),
        (["play", "rx-ring-refill", "--headless", "--answer", "alloc=nothing"], "nothing"),
        (["run", "absent.c"], "absent.c"),
        (["run", str(ROOT / "README.md"), "--checkers", "all"], "all"),
    ],
)
def test_bad_input_is_told_in_a_sentence_with_status_2(
    arguments: list[str], fragment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert fragment in error
    assert "Traceback" not in error


def test_play_headless_prints_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    good = ["--answer", "alloc=atomic"]
    assert main(["play", "rx-ring-refill", "--headless", "--json", *good]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert set(verdict) >= {"level", "passed", "stars", "goals", "reports", "log"}
    assert verdict["passed"] is True
    bad = ["--answer", "alloc=kernel"]
    assert main(["play", "rx-ring-refill", "--headless", "--json", *bad]) == 1
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["passed"] is False
    assert any("sleeping function called" in report["headline"] for report in verdict["reports"])


def test_a_level_is_played_line_by_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["2", "nothing", "", "event", "lists", "slabs", "why", "log", "back 3", "verdict"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(words) + "\n"))
    assert main(["play", "rx-ring-refill", "--plain", "--language", "en"]) == 0
    said = capsys.readouterr().out
    assert "Passed: 3 of 3 stars." in said
    assert "\x1b" not in said


def test_playing_line_by_line_is_saved_attempt_by_attempt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["kernel", "sleep-in-atomic", "verdict"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(words) + "\n"))
    assert main(["play", "rx-ring-refill", "--plain"]) == 1
    store = Store.open()
    assert (store.level("rx-ring-refill").attempts, store.level("rx-ring-refill").passed) == (
        1,
        False,
    )
    assert store.last_level() == "rx-ring-refill"
    assert store.level("rx-ring-refill").hints == ("Hint:" in capsys.readouterr().out)
    store.record_attempt(Attempt("calibration-block", {}, passed=True, stars=2))
    store.close()
    monkeypatch.setattr("sys.stdin", io.StringIO("quit\n"))
    assert main(["--plain"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert [line.endswith(" ★★") for line in lines if line.startswith("  1) ")] == [True]
    assert sum("★" in line for line in lines) == 1


def test_plain_play_ends_kindly_when_the_input_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["play", "rx-ring-refill", "--plain"]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_check_of_a_broken_level_exits_1_with_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    level = tmp_path / "broken.yaml"
    level.write_text("format_version: 1\nid: broken\nmachnie: {}\n", encoding="utf-8")
    assert main(["check", str(level), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert any(e["line"] == 3 and "machnie" in e["message"] for e in report["errors"])


def test_doctor_names_what_it_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KMEMQUEST_HOME", str(tmp_path))
    main(["doctor"])
    said = capsys.readouterr().out
    for word in ("version", "textual", "terminal", "data folder", "levels"):
        assert word in said


def test_the_parser_offers_the_languages_that_there_are() -> None:
    from kmemquest.cli import parser
    from kmemquest.i18n import LANGUAGES

    assert parser.LANGUAGES == LANGUAGES
