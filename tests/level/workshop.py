"""Levels made for tests: that of the template, and a diagnosis with every kind of part."""

from __future__ import annotations

import shutil
from pathlib import Path

from kmemquest.level.template import write_new

SAMPLES = Path(__file__).parent / "samples"


def diagnosis(folder: Path) -> Path:
    """Write the diagnosis; return its level file."""
    for file in SAMPLES.glob("ring-report*.yaml"):
        shutil.copy(file, folder)
    return folder / "ring-report.yaml"


def template(folder: Path, name: str = "card-record") -> Path:
    """Write the template's level; return its level file."""
    return write_new("level", name, folder)[0]


def changed(path: Path, *pairs: tuple[str, str]) -> Path:
    """Replace text in a file; every old text must be there."""
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path
