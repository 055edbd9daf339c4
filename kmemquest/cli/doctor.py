"""`kmemquest doctor`: what this terminal and this installation can do, and how to mend the rest."""

from __future__ import annotations

import argparse
import importlib.metadata
import locale
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import kmemquest

MINIMUM_COLUMNS: Final = 80
MINIMUM_LINES: Final = 24


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: its name, what was found, and how to mend it if it is not good."""

    name: str
    good: bool
    text: str
    mend: str = ""


def command(arguments: argparse.Namespace) -> int:
    """Print every finding; exit 1 when something keeps the game from working well."""
    del arguments
    findings = [
        Finding(
            "version",
            True,
            f"kmemquest {kmemquest.__version__}, Python {platform.python_version()}",
        ),
        *_libraries(),
        _terminal_size(),
        _colours(),
        _characters(),
        _data_folder(),
        _content(),
    ]
    for finding in findings:
        print(f"{'ok ' if finding.good else 'BAD'}  {finding.name:<12} {finding.text}")
        if not finding.good:
            print(f"     {'':<12} → {finding.mend}")
    return 0 if all(finding.good for finding in findings) else 1


def _libraries() -> list[Finding]:
    findings = []
    for name in ("textual", "pyyaml", "msgspec", "platformdirs", "pycparser"):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            findings.append(Finding(name, False, "missing", f"install it: pip install {name}"))
        else:
            findings.append(Finding(name, True, version))
    return findings


def _terminal_size() -> Finding:
    size = shutil.get_terminal_size()
    text = f"{size.columns} columns × {size.lines} lines"
    good = size.columns >= MINIMUM_COLUMNS and size.lines >= MINIMUM_LINES
    if not sys.stdout.isatty():
        return Finding("terminal", True, "output is not a terminal; use --plain there")
    return Finding(
        "terminal",
        good,
        text,
        f"make the window at least {MINIMUM_COLUMNS}×{MINIMUM_LINES}, or use --plain",
    )


def _colours() -> Finding:
    if os.environ.get("NO_COLOR"):
        return Finding("colours", True, "off (NO_COLOR is set); shades and words carry the meaning")
    if os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        return Finding("colours", True, "16 million")
    term = os.environ.get("TERM", "")
    if "256color" in term:
        return Finding("colours", True, "256")
    return Finding("colours", True, f"16 or fewer (TERM={term or 'unset'})")


def _characters() -> Finding:
    encoding = (sys.stdout.encoding or locale.getpreferredencoding()).lower()
    good = encoding.replace("-", "") == "utf8"
    return Finding(
        "characters",
        good,
        encoding,
        "set a UTF-8 locale (LANG=C.UTF-8), or choose ASCII glyphs in the settings",
    )


def _data_folder() -> Finding:
    from kmemquest.store.paths import data_directory

    folder = data_directory()
    nearest = _nearest_existing(folder)
    good = os.access(nearest, os.W_OK)
    free = shutil.disk_usage(nearest).free
    text = f"{folder} ({free // (1 << 20)} MiB free)"
    return Finding(
        "data folder",
        good and free > 1 << 20,
        text,
        "make it writable, free some space, or point KMEMQUEST_HOME elsewhere",
    )


def _nearest_existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _content() -> Finding:
    from kmemquest.content import content_root

    root = content_root()
    count = len([p for p in (root / "levels").glob("*/*.yaml") if p.name.count(".") == 1])
    return Finding(
        "levels", count > 0, f"{count} in {root / 'levels'}", "reinstall: the levels are missing"
    )
