"""New levels, packs and topics: commented files that pass the check before they are changed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from kmemquest.content import assets_root
from kmemquest.i18n import LANGUAGES
from kmemquest.level.pack import LEVELS, MANIFEST

KINDS: Final = ("level", "pack", "question")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class CannotWrite(Exception):
    """A template cannot be written there; the text says why."""


def new_files(kind: str, name: str, folder: Path) -> dict[Path, str]:
    """Return path -> text of what `kmemquest new KIND NAME` writes below a folder."""
    if not _ID.fullmatch(name):
        raise CannotWrite(f"{name!r} is no id: expected lower-case words joined by hyphens")
    if kind == "level":
        return _level(name, folder)
    if kind == "question":
        return _three("question", name, folder)
    root = folder / name
    first = f"{name}-first"
    texts = {root / MANIFEST: _text(f"pack/{MANIFEST}", name, root, first)}
    for lang in LANGUAGES:
        texts[root / f"pack.{lang}.yaml"] = _text(f"pack/pack.{lang}.yaml", name, root, first)
    return texts | _level(first, root / LEVELS)


def write_new(kind: str, name: str, folder: Path) -> list[Path]:
    """Write a template; CannotWrite if a file is already there, and then nothing is written."""
    files = new_files(kind, name, folder)
    for path in files:
        if path.exists():
            raise CannotWrite(f"{path} is already there; choose another name, or another folder")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror or error}") from None
    return list(files)


def _level(name: str, folder: Path) -> dict[Path, str]:
    return _three("level", name, folder)


def _three(kind: str, name: str, folder: Path) -> dict[Path, str]:
    texts = {folder / f"{name}.yaml": _text(f"{kind}.yaml", name, folder)}
    for lang in LANGUAGES:
        texts[folder / f"{name}.{lang}.yaml"] = _text(f"{kind}.{lang}.yaml", name, folder)
    return texts


def _text(template: str, name: str, folder: Path, level: str = "") -> str:
    text = (assets_root() / "templates" / template).read_text(encoding="utf-8")
    words = {
        "@ID@": name,
        "@LEVEL@": level,
        "@SCHEMA@": schema_path("level-v1.json", folder),
        "@BANK_SCHEMA@": schema_path("bank-v1.json", folder),
    }
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def schema_path(name: str, folder: Path) -> str:
    """Return a schema's path as an editor finds it from the new file."""
    target = assets_root() / "schema" / name
    try:
        return Path(os.path.relpath(target, folder)).as_posix()
    except ValueError:
        # Another drive, on systems that have such.
        return target.as_uri()
