"""Blueprints of mock interviews: `assets/exams/<id>.yaml`, words beside it per language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from kmemquest.content import assets_root
from kmemquest.content.problem import Problem, ProblemsFound, did_you_mean
from kmemquest.content.safe_yaml import Document, read_yaml
from kmemquest.content.shape import convert
from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.bank import Bank
from kmemquest.quiz.bank_model import Id, Kind
from kmemquest.quiz.draw import topics
from kmemquest.quiz.generator import GENERATORS


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many questions of these topics (all if left out), difficulties and kinds.

    A generator family counts as one question of a paper.

    `points` are those of one question.
    """

    count: Annotated[int, msgspec.Meta(ge=1, le=60)]
    topics: list[Id] = msgspec.field(default_factory=list)
    difficulty: Annotated[
        list[Annotated[int, msgspec.Meta(ge=1, le=5)]], msgspec.Meta(max_length=5)
    ]
    kinds: list[Kind] = msgspec.field(default_factory=list)
    generated: bool = True
    points: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1


class Blueprint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a mock interview asks, and for how long."""

    format_version: Annotated[int, msgspec.Meta(ge=1, le=1)]
    id: Id
    minutes: Annotated[int, msgspec.Meta(ge=1, le=300)]
    pass_at: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.6
    sections: Annotated[list[Section], msgspec.Meta(min_length=1, max_length=20)]

    @property
    def count(self) -> int:
        """How many questions there are."""
        return sum(section.count for section in self.sections)


class BlueprintText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A blueprint's words in one language."""

    language: Literal["en", "zh_CN"]
    title: Annotated[str, msgspec.Meta(min_length=1)]
    about: Annotated[str, msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Supply:
    """Something a section may draw: a bank question, or a generator family."""

    name: str
    generated: bool
    topic: str
    difficulty: int
    kind: str


def exams_root() -> Path:
    """Return the folder of the blueprints that ship."""
    return assets_root() / "exams"


def blueprint_files(folder: Path) -> list[Path]:
    """Return the blueprint files of a folder, sorted by name."""
    return sorted(path for path in folder.glob("*.yaml") if path.name.count(".") == 1)


def read_blueprint(path: Path) -> Blueprint:
    """Read a blueprint; ProblemsFound tells all that is wrong with the file."""
    return convert(read_yaml(path), Blueprint)


def shipped_blueprints() -> tuple[Blueprint, ...]:
    """Return the blueprints that ship with the game, by name."""
    return tuple(read_blueprint(path) for path in blueprint_files(exams_root()))


def blueprint_text(
    blueprint: Blueprint, language: str, folder: Path | None = None
) -> BlueprintText:
    """Return a blueprint's words; its id stands in for missing ones."""
    path = (folder or exams_root()) / f"{blueprint.id}.{language}.yaml"
    if not path.is_file():
        return BlueprintText(language="en", title=blueprint.id, about=blueprint.id)
    return convert(read_yaml(path), BlueprintText)


def supplies(bank: Bank, section: Section) -> list[Supply]:
    """Return what a section may draw, in a fixed order. The generators must be loaded."""
    found = [
        Supply(entry.id, False, entry.topic, entry.difficulty, entry.kind) for entry in bank.entries
    ]
    if section.generated and bank.families:
        found += [
            Supply(name, True, family.topic, family.difficulty, "single")
            for name, family in sorted(GENERATORS.items())
        ]
    return [
        each
        for each in found
        if each.difficulty in section.difficulty
        and (not section.topics or each.topic in section.topics)
        and (not section.kinds or each.kind in section.kinds)
    ]


def check_blueprint(path: Path, bank: Bank) -> list[Problem]:
    """Return all that is wrong with a blueprint: its form, its words, and whether it can be met."""
    try:
        document = read_yaml(path)
        blueprint = convert(document, Blueprint)
    except ProblemsFound as found:
        return list(found.problems)
    problems = []
    if blueprint.id != path.stem:
        problems.append(document.problem(("id",), f"id {blueprint.id!r} in {path.name}"))
    for language in LANGUAGES:
        words = path.with_name(f"{path.stem}.{language}.yaml")
        try:
            text = convert(read_yaml(words), BlueprintText)
            if text.language != language:
                problems.append(Problem(str(words), 1, 1, f"expected language {language}"))
        except ProblemsFound as found:
            problems += found.problems
    return problems + _section_problems(document, blueprint, bank)


def _section_problems(document: Document, blueprint: Blueprint, bank: Bank) -> list[Problem]:
    known = topics(bank)
    problems = []
    for index, section in enumerate(blueprint.sections):
        where = ("sections", index)
        problems += [
            document.problem((*where, "topics", n), f"no topic {name!r}", did_you_mean(name, known))
            for n, name in enumerate(section.topics)
            if name not in known
        ]
        room = len(supplies(bank, section))
        if room < section.count:
            problems.append(
                document.problem(
                    (*where, "count"),
                    f"{section.count} questions are asked for, there are {room}",
                    "widen topics, difficulty or kinds",
                )
            )
    return problems
