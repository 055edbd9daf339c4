"""A pack: levels of somebody else, in a folder or a zip, described by its pack.yaml.

    pack.yaml                     id, version, authors, licence, languages, order of the levels
    pack.en.yaml                  what players read of the pack, one file per language
    levels/ID.yaml                the levels, each with its text files beside it
    LICENSE, README.md            if there are any; nothing else

Nothing of a pack is executed on the host: levels are data, and their C runs on the simulator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.content.safe_yaml import Document, read_yaml
from kmemquest.content.shape import mistakes
from kmemquest.i18n import language
from kmemquest.level.load import Level, load_level
from kmemquest.level.model import Id

Language: TypeAlias = Literal["en", "zh_CN"]
Word: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]

MANIFEST: Final = "pack.yaml"
LEVELS: Final = "levels"
_LANGUAGE: Final = r"(?:\.(?:en|zh_CN))?"
FILES: Final = re.compile(
    rf"pack{_LANGUAGE}\.yaml|levels/[a-z0-9][a-z0-9-]{{0,59}}{_LANGUAGE}\.yaml"
    rf"|LICEN[CS]E(?:\.(?:md|txt))?|README{_LANGUAGE}\.md"
)
"""Every name that a file of a pack may have, seen from the pack's folder."""


class PackFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """pack.yaml."""

    format_version: Literal[1]
    id: Id
    version: Annotated[str, msgspec.Meta(pattern=r"^\d+\.\d+\.\d+$")]
    authors: Annotated[list[Word], msgspec.Meta(min_length=1, max_length=40)]
    licence: Word
    levels: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=200)]
    languages: Annotated[list[Language], msgspec.Meta(min_length=1, max_length=2)] = msgspec.field(
        default_factory=lambda: ["en", "zh_CN"]
    )
    after_campaign: bool = True
    """Whether levels may use what the campaign that ships with the game teaches."""
    student: bool = False


class PackText(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What players read of a pack, in one language."""

    title: Annotated[str, msgspec.Meta(min_length=2, max_length=60)]
    about: Annotated[str, msgspec.Meta(min_length=10, max_length=1000)]
    concepts: dict[Id, str] = {}


@dataclass(frozen=True)
class Pack:
    """A pack that has been read; its levels are read when they are asked for."""

    root: Path
    file: PackFile
    texts: Mapping[str, PackText]
    document: Document

    @property
    def id(self) -> str:
        """The pack's stable name."""
        return self.file.id

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in which all of its texts exist."""
        return tuple(self.file.languages)

    def text(self, lang: str | None = None) -> PackText:
        """Return title and description in a language, else in the pack's first one."""
        return self.texts.get(lang or language()) or self.texts[self.file.languages[0]]

    def level_path(self, level: str) -> Path:
        """Return where a level of the pack lies."""
        return self.root / LEVELS / f"{level}.yaml"

    def level(self, level: str) -> Level:
        """Read a level; ProblemsFound holds all its mistakes."""
        path = self.level_path(level)
        return load_level(path, f"{self.id}/{LEVELS}/{path.name}", self.languages)


def open_pack(root: Path, name: str | None = None) -> Pack:
    """Read pack.yaml and its texts; ProblemsFound holds every mistake. Levels are not read."""
    shown = name or str(root)
    document = read_yaml(root / MANIFEST, f"{shown}/{MANIFEST}")
    problems = mistakes(document, (), document.data, PackFile)
    if problems:
        raise ProblemsFound(problems)
    file = msgspec.convert(document.data, PackFile)
    for index, level in enumerate(file.levels):
        place = ("levels", index)
        if level in file.levels[:index]:
            problems.append(document.problem(place, f"{level!r} is listed twice", "keep one"))
        if not (root / LEVELS / f"{level}.yaml").is_file():
            hint = f"write {LEVELS}/{level}.yaml"
            problems.append(document.problem(place, f"there is no level file for {level!r}", hint))
    texts: dict[str, PackText] = {}
    for lang in file.languages:
        where = root / f"pack.{lang}.yaml"
        try:
            text = read_yaml(where, f"{shown}/{where.name}")
        except ProblemsFound as found:
            problems += found.problems
            continue
        mine = mistakes(text, (), text.data, PackText)
        problems += mine
        if not mine:
            texts[lang] = msgspec.convert(text.data, PackText)
    if problems:
        raise ProblemsFound(problems)
    return Pack(root, file, texts, document)


def foreign_files(root: Path) -> list[Problem]:
    """Tell which files of a folder do not belong to a pack."""
    problems = []
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root).as_posix()
        if path.is_file() and not FILES.fullmatch(inside):
            problems.append(
                Problem(str(path), 0, 0, "a pack has no such file", "remove it, or move it out")
            )
    return problems
