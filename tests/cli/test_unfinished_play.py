"""`play` and `solve` of a level file that is not finished: one line says so, and it runs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from kmemquest.cli.main import main
from tests.level.workshop import changed, template

NOTICE = "unfinished: 1 thing is missing or does not fit; kmemquest check {path} tells it"


@pytest.fixture
def level(tmp_path: Path) -> Path:
    pair = ("page: (u8 *)__get_free_page(GFP_KERNEL)", "zeroed: kzalloc(RECORD_BYTES, GFP_KERNEL)")
    return changed(template(tmp_path), pair)


def test_headless_says_so_at_the_top(level: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", str(level), "--headless", "--answer", "alloc=zeroed"]) == 0
    first, second, *_rest = capsys.readouterr().out.split("\n")
    assert first == NOTICE.format(path=level)
    assert second == "Passed: 3 of 3 stars."


def test_json_stays_json(level: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", str(level), "--json", "--answer", "alloc=zeroed"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["passed"] is True
    assert told.err.strip() == NOTICE.format(path=level)
    assert main(["solve", str(level), "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["level"] == "card-record"
    assert told.err.strip() == NOTICE.format(path=level)


def test_line_by_line_says_so_at_the_top(
    level: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("zeroed\n\nverdict\n"))
    assert main(["play", str(level), "--plain", "--language", "en"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(NOTICE.format(path=level) + "\n")
    assert "Passed: 3 of 3 stars." in told


def test_solve_says_so_at_the_top(level: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", str(level)]) == 0
    told = capsys.readouterr().out
    assert told.startswith(NOTICE.format(path=level) + "\n★★★")
    assert "alloc=zeroed" in told


def test_check_and_packs_stay_strict(level: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(level)]) == 1
    assert "slot 'alloc' has no option 'page'" in capsys.readouterr().out


def test_what_a_run_needs_is_refused(level: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(level, ("ram: 64M", "ram: 64X"))
    for words in (["play", str(level), "--headless"], ["solve", str(level)]):
        assert main(words) == 2
        told = capsys.readouterr()
        assert "'64X' is not a size" in told.err
        assert "unfinished" not in told.out + told.err


def test_the_line_is_translated(level: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["play", str(level), "--headless", "--answer", "alloc=zeroed", "--language", "zh_CN"])
    first = capsys.readouterr().out.split("\n")[0]
    assert first.startswith("未完成")
    assert str(level) in first
