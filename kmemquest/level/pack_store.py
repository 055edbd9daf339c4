"""Packs that the player has installed: in a folder of their own below the data directory."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kmemquest.content.problem import Problem, ProblemsFound, did_you_mean
from kmemquest.level.load import Level
from kmemquest.level.pack import Pack, open_pack
from kmemquest.level.pack_archive import pack_files
from kmemquest.level.pack_check import write_files
from kmemquest.store.paths import data_directory

FOLDER = "packs"


class UnknownPack(LookupError):
    """No pack with this id is installed; the message offers the nearest."""


@dataclass(frozen=True)
class BrokenPack:
    """An installed pack that can no longer be read, and why."""

    id: str
    problems: tuple[Problem, ...]


def packs_directory() -> Path:
    """Return where installed packs lie; it may not exist yet."""
    return data_directory() / FOLDER


def installed() -> tuple[list[Pack], list[BrokenPack]]:
    """Return the packs that can be read, by id, and those that cannot."""
    sound: list[Pack] = []
    broken: list[BrokenPack] = []
    root = packs_directory()
    names = sorted(os.listdir(root)) if root.is_dir() else []
    for name in names:
        folder = root / name
        if name.startswith(".") or not folder.is_dir():
            continue
        try:
            sound.append(open_pack(folder, name))
        except ProblemsFound as found:
            broken.append(BrokenPack(name, found.problems))
    return sound, broken


def install(path: Path, *, replace: bool = False) -> Pack:
    """Install a folder or a zip; ProblemsFound tells everything that is wrong with it.

    Every file is checked before anything lands among the installed packs, and it lands at once or
    not at all. Levels are read, but not run: `kmemquest check` does that.
    """
    files = pack_files(path)
    root = packs_directory()
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=root) as waiting:
        folder = Path(waiting) / "pack"
        write_files(folder, files)
        pack = open_pack(folder, path.name)
        problems = _level_problems(pack)
        target = root / pack.id
        if target.exists() and not replace:
            hint = "remove it first, or install with --replace"
            problems.append(Problem(str(path), 0, 0, f"{pack.id!r} is already installed", hint))
        if problems:
            raise ProblemsFound(problems)
        if target.exists():
            os.replace(target, Path(waiting) / "old")
        os.replace(folder, target)
    return open_pack(target, pack.id)


def _level_problems(pack: Pack) -> list[Problem]:
    problems: list[Problem] = []
    for level in pack.file.levels:
        try:
            pack.level(level)
        except ProblemsFound as found:
            problems += found.problems
    return problems


def remove(pack_id: str) -> None:
    """Remove an installed pack; UnknownPack if there is none."""
    names = [pack.id for pack in installed()[0]] + [pack.id for pack in installed()[1]]
    if pack_id not in names:
        raise UnknownPack(f"no pack is called {pack_id!r}; {did_you_mean(pack_id, names)}")
    shutil.rmtree(packs_directory() / pack_id)


def find_pack(pack_id: str) -> Pack:
    """Return an installed pack by id; UnknownPack if there is none."""
    packs = {pack.id: pack for pack in installed()[0]}
    if pack_id not in packs:
        raise UnknownPack(f"no pack is called {pack_id!r}; {did_you_mean(pack_id, packs)}")
    return packs[pack_id]


def find_pack_level(word: str) -> Level | None:
    """Load `PACK/LEVEL`, or a level's bare id if one installed pack has it; None if none has."""
    pack_id, slash, level = word.rpartition("/")
    packs, _broken = installed()
    having = [
        pack for pack in packs if level in pack.file.levels and (not slash or pack.id == pack_id)
    ]
    return having[0].level(level) if len(having) == 1 else None
