"""The sandbox and a diagnosis line by line."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from kmemquest.cli.main import main

SAMPLES = Path(__file__).parents[1] / "level" / "samples"


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_statements_and_words_are_read_until_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(
        monkeypatch,
        "p = kmalloc(100, GFP_KERNEL)",
        "kfree(p",
        "kmalloc(8 << 20, GFP_KERNEL)",
        "why",
        "undo",
        "vars",
        "/proc/buddyinfo",
        "/proc/nothing",
    )
    assert main(["--language", "en", "sandbox", "--plain", "--machine", "ram=64M"]) == 0
    told = capsys.readouterr().out
    assert "kmalloc-128" in told
    assert "column 8: expected ‘)’" in told
    assert "order 11 exceeds the largest" in told
    assert "p = 0xffff8880" in told
    assert "Node 0, zone    DMA32" in told
    assert "slabinfo" in told


def test_a_level_s_driver_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "rx[0]")
    assert (
        main(
            ["--language", "en", "sandbox", "rx-ring-refill", "--plain", "--answer", "alloc=atomic"]
        )
        == 0
    )
    assert "(void *) 0xffff8880" in capsys.readouterr().out


def test_a_wrong_diagnosis_does_not_show_the_driver(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for file in SAMPLES.glob("ring-report*.yaml"):
        shutil.copy(file, tmp_path)
    typed(monkeypatch, "1", "2", "1", "2,1", "", "quit")
    assert main(["--language", "en", "play", str(tmp_path / "ring-report.yaml"), "--plain"]) == 1
    told = capsys.readouterr().out
    assert "slab-use-after-free" in told
    assert "static int __init nic_init" not in told
    assert "Step 1 of" not in told
    assert "First bad step" not in told
    assert "The driver is shown when you have named what went wrong." in told
