"""Hostile files through the command line: a message and an exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

FILES: Final[dict[str, bytes]] = {
    "empty": b"",
    "nul": b"\0" * 4096,
    "not utf-8": b"\xff\xfe\x00int a;\n",
    "latin": "int größe;\n".encode("latin-1"),
    "huge": b"int a;\n" * 400_000,
    "one long line": b"x" * 5_000_000,
    "bom": b"\xef\xbb\xbfint a;\n",
    "yaml bomb": b"a: &a [x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nd: [*c, *c, *c]\n",
    "yaml tag": b'!!python/object/apply:os.system ["false"]\n',
    "yaml broken": b"format_version: 1\n id: [\n",
    "yaml deep": b"[" * 20_000,
    "level of wrong types": b"format_version: 1\nid: 3\ndriver: [1]\nslots: 7\n",
    "level of the future": b"format_version: 99\nid: x\n",
    "json": b'{"a": 1}',
}
COMMANDS: Final = {
    "run": ("run", ".c"),
    "run --json": ("run", ".c", "--json"),
    "run --script": ("run", "ok.c", "--script", ".yaml"),
    "play": ("play", ".yaml", "--headless"),
    "check": ("check", ".yaml"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file(tmp_path: Path, command: str, name: str) -> None:
    (tmp_path / "ok.c").write_text("int a;\n")
    words = []
    for word in COMMANDS[command]:
        if word in (".c", ".yaml"):
            path = tmp_path / f"hostile{word}"
            path.write_bytes(FILES[name])
            words.append(str(path))
        else:
            words.append(str(tmp_path / word) if word.endswith(".c") else word)
    _ends_well(words, tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ["run", "missing.c"],
        ["run", "."],
        ["run", "ok.c", "--machine", "ram: 99999999T"],
        ["run", "ok.c", "--checkers", "nonsense"],
        ["play", "missing.yaml", "--headless"],
        ["play", "no-such-level", "--headless"],
        ["play", ".", "--headless"],
        ["check", "missing.yaml"],
        ["proc", "nonsense"],
        ["proc", "../../etc/passwd"],
        ["proc", "buddyinfo", "--machine", "ram: -1"],
        ["conform", "missing"],
        ["conform", "ok.c"],
        ["quiz", "--nonsense"],
        ["bank", "nonsense"],
        ["nonsense"],
    ],
    ids=" ".join,
)
def test_a_hostile_command(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "ok.c").write_text("int a;\n")
    _ends_well(words, tmp_path)


def _ends_well(words: list[str], folder: Path) -> None:
    home = {"XDG_DATA_HOME": str(folder / "data"), "HOME": str(folder)}
    result = subprocess.run(
        [sys.executable, "-m", "kmemquest", *words],
        capture_output=True, cwd=folder, timeout=20, stdin=subprocess.DEVNULL,
        env={**os.environ, **home, "PYTHONPATH": str(Path(__file__).parent.parent.parent)},
    )  # fmt: skip
    said = (result.stdout + result.stderr).decode("utf-8", "replace")
    assert "Traceback" not in said
    assert "simulator-defect" not in said
    assert result.returncode in (0, 1, 2)
    assert said.strip()
