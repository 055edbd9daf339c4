"""`kmemquest run`: what it tells of silent damage, and the fault sweep's table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kmemquest.cli.parser import build_parser
from kmemquest.cli.run import command
from kmemquest.i18n import set_language

SILENT = """\
#include <linux/module.h>
#include <linux/slab.h>
MODULE_LICENSE("GPL");
static int __init probe(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	p[64] = 1;
	kfree(p);
	return 0;
}
module_init(probe);
"""
GOOD = SILENT.replace("p[64]", "p[63]")
CARELESS = SILENT.replace("	if (!p)\n		return -ENOMEM;\n", "").replace("p[64]", "p[63]")


def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, *options: str
) -> tuple[int, str, str]:
    path = tmp_path / "probe.c"
    path.write_text(source, encoding="utf-8")
    code = command(build_parser().parse_args(["run", str(path), *options]))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_kernel_said_nothing(tmp_path: Path, capsys: Any) -> None:
    code, out, err = run(tmp_path, capsys, SILENT, "--checkers", "production")
    assert code == 1
    assert "BUG" not in out
    assert "The kernel said nothing" in err
    assert "probe.c:10: access outside of an object" in err
    assert "allocated in line 6, probe()" in err
    assert "Fix: " in err
    assert "Read: Documentation/" in err


def test_a_clean_run_says_nothing(tmp_path: Path, capsys: Any) -> None:
    code, _, err = run(tmp_path, capsys, GOOD, "--checkers", "production")
    assert (code, err) == (0, "")


def test_json_holds_the_silent_findings(tmp_path: Path, capsys: Any) -> None:
    _, out, _ = run(tmp_path, capsys, SILENT, "--checkers", "production", "--json")
    (silent,) = json.loads(out)["silent"]
    assert (silent["kind"], silent["line"], silent["spoken"]) == ("slab-out-of-bounds", 10, False)
    assert {"role": "allocated", "line": 6, "function": "probe"} in silent["sites"]
    _, out, _ = run(tmp_path, capsys, SILENT, "--checkers", "debug", "--json")
    shown = json.loads(out)
    assert shown["silent"] == []
    assert shown["explanations"][0]["line"] == 10
    assert shown["explanations"][0]["headline"].startswith("BUG: KASAN: slab-out-of-bounds")


def test_the_sweep_as_a_table(tmp_path: Path, capsys: Any) -> None:
    code, out, _ = run(tmp_path, capsys, GOOD, "--faults")
    assert code == 0
    assert "✓ error returned" in out
    code, out, _ = run(tmp_path, capsys, CARELESS, "--faults")
    assert code == 1
    assert "✗ NULL used" in out
    assert "probe.c:6: use of a NULL pointer" in out


def test_the_sweep_in_chinese(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "probe.c"
    path.write_text(CARELESS, encoding="utf-8")
    words = ["--language", "zh_CN", "run", str(path), "--faults"]
    try:
        assert command(build_parser().parse_args(words)) == 1
    finally:
        set_language("en")
    out = capsys.readouterr().out
    assert "使用了 NULL" in out
    assert "改法" in out


def test_the_sweep_as_json(tmp_path: Path, capsys: Any) -> None:
    code, out, _ = run(tmp_path, capsys, CARELESS, "--faults", "--json")
    shown = json.loads(out)
    assert code == 1
    assert shown["worst"] == 1
    assert shown["results"][0]["null_used"] is True
    assert shown["first_bad"]["line"] == 6
