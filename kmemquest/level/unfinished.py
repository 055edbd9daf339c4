"""A level as its author has it under her hands: run as far as it goes, before all is explained.

What a run needs (driver, slots, solution, machine, script, goals, the prediction) must be sound.
What only explains (wrong answers, hints, demonstrations, the sweep, texts, a language) may be
missing or no longer fit, as it does while options change: it is left out here, and nobody is shown
a text that may belong to another answer. `kmemquest check`, packs and the campaign know nothing of
this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.content.safe_yaml import Document, read_yaml
from kmemquest.content.shape import mistakes
from kmemquest.i18n import ngettext
from kmemquest.level.library import languages_beside
from kmemquest.level.load import Level, LevelReader, load_level, text_path
from kmemquest.level.model import LevelFile, LevelText, Wrong
from kmemquest.level.probes import parse_probe
from kmemquest.level.requirements import (
    answer_problem,
    needed_to_run,
    show_problems,
    sweep_problems,
)

STAND_INS: Final[Mapping[str, Any]] = {
    "teaches": None,
    "uses": [],
    "difficulty": 1,
    "minutes": 5,
    "refs": ["-"],
    "hints": [],
    "sweep": None,
    "checkpoint": False,
}
"""What stands for a key that only explains, when it is missing or not of its shape."""
ENTRIES: Final = ("wrong", "shows")
"""Lists that explain, of which every entry stands for itself."""

T = TypeVar("T")


@dataclass(frozen=True)
class Unfinished:
    """A level that can be run, and all that `kmemquest check` has to say against its files."""

    level: Level
    problems: tuple[Problem, ...] = ()

    def notice(self) -> str:
        """Return one line that says how much is left to do; empty for a finished level."""
        if not self.problems:
            return ""
        return ngettext(
            "unfinished: {n} thing is missing or does not fit; kmemquest check {path} tells it",
            "unfinished: {n} things are missing or do not fit; kmemquest check {path} tells them",
            len(self.problems),
        ).format(n=len(self.problems), path=self.level.path)


def load_unfinished(path: Path, languages: tuple[str, ...] | None = None) -> Unfinished:
    """Load a level file that need not be finished; ProblemsFound if it cannot be run.

    `languages` default to those that the level must have. A student's copy is finished or broken.
    """
    langs = languages or languages_beside(path)
    try:
        return Unfinished(load_level(path, languages=langs))
    except ProblemsFound as found:
        document = read_yaml(path)
        if not isinstance(document.data, dict) or document.data.get("student") is True:
            raise
        return Unfinished(_Trimmer(document, path).level(langs), found.problems)


class _Trimmer:
    """Takes out what only explains and does not fit; what is left must be sound."""

    def __init__(self, document: Document, path: Path) -> None:
        self.document = document
        self.path = path
        self.written: dict[str, int] = {}
        """Key of a list -> how many entries the author has written."""
        self.kept: dict[str, list[int]] = {}
        """Key of a list -> which of them are still there."""

    def level(self, languages: tuple[str, ...]) -> Level:
        """Return the level without what does not fit; ProblemsFound if that is not enough."""
        data = self._shaped(dict(self.document.data))
        problems = mistakes(self.document, (), data, LevelFile)
        if problems:
            raise ProblemsFound(problems)
        model = self._fitting(msgspec.convert(data, LevelFile))
        texts = self._texts(model, languages)
        if not all(len(text.hints) == len(model.hints) for text in texts.values()):
            model = msgspec.structs.replace(model, hints=[])
        reader = LevelReader(self.document, model, self.path)
        reader.check_what_runs()
        problems = reader.problems + needed_to_run(self.document, model)
        if problems:
            raise ProblemsFound(problems)
        return reader.level(texts)

    def _shaped(self, data: dict[str, Any]) -> dict[str, Any]:
        """Put a stand-in for every value that only explains and has not its shape."""
        kinds = {field.name: field.type for field in msgspec.structs.fields(LevelFile)}
        for key, stand_in in STAND_INS.items():
            if key not in data or mistakes(self.document, (key,), data[key], kinds[key]):
                data[key] = stand_in
        for key in ENTRIES:
            entries = data.get(key)
            entries = entries if isinstance(entries, list) else []
            fits = [not mistakes(self.document, (key,), [each], kinds[key]) for each in entries]
            self.written[key] = len(entries)
            self.kept[key] = list(range(len(entries)))
            data[key] = self._keep(key, entries, fits)
        self.written["hints"] = len(data["hints"])
        self.kept["hints"] = list(range(len(data["hints"])))
        return data

    def _keep(self, key: str, entries: Sequence[T], fits: Sequence[bool]) -> list[T]:
        """Return the entries that fit; their places in the author's list are noted."""
        self.kept[key] = [at for at, fit in zip(self.kept[key], fits, strict=True) if fit]
        return [entry for entry, fit in zip(entries, fits, strict=True) if fit]

    def _fitting(self, model: LevelFile) -> LevelFile:
        """Take out what names slots, options or goals that are not there."""
        goals = LevelReader(self.document, model, self.path).goal_ids()
        shows = [
            not show_problems(self.document, msgspec.structs.replace(model, shows=[show]), goals)
            for show in model.shows
        ]
        sweep = model.sweep
        if sweep is not None and (
            sweep_problems(self.document, model)
            or parse_probe(sweep.probe, self.document, ("sweep", "probe"), model.slots).problems
        ):
            sweep = None
        return msgspec.structs.replace(
            model,
            sweep=sweep,
            wrong=self._keep("wrong", model.wrong, [_fits(model, each) for each in model.wrong]),
            shows=self._keep("shows", model.shows, shows),
        )

    def _texts(self, model: LevelFile, languages: tuple[str, ...]) -> dict[str, LevelText]:
        """Return the texts that can be read, each holding just what this model needs."""
        found = {lang: _read_text(text_path(self.path, lang), self.path) for lang in languages}
        texts = {lang: text for lang, text in found.items() if text is not None}
        if not texts:
            texts = {languages[0]: LevelText(title=self.path.stem, story="")}
        return {
            lang: msgspec.structs.replace(
                text,
                wrong=self._entries("wrong", lang, texts) or [""] * len(model.wrong),
                shows=self._entries("shows", lang, texts) or [""] * len(model.shows),
                hints=self._entries("hints", lang, texts),
                options=_labels(model, text),
            )
            for lang, text in texts.items()
        }

    def _entries(self, key: str, lang: str, texts: Mapping[str, LevelText]) -> list[str]:
        """Return a list of texts for the entries kept, if need be in another language.

        A list that is longer or shorter than the level's is no use: nobody knows what belongs to
        what.
        """
        for text in (texts[lang], *texts.values()):
            listed: list[str] = getattr(text, key)
            if len(listed) == self.written[key]:
                return [listed[index] for index in self.kept[key]]
        return []


def _fits(model: LevelFile, wrong: Wrong) -> bool:
    """Whether all that is declared wrong is still there to be answered."""
    return all(
        name in model.slots and not answer_problem(name, model.slots[name], answer)[0]
        for name, answer in wrong.answers.items()
    )


def _read_text(path: Path, level: Path) -> LevelText | None:
    """Return what can be read of a text file; None if nothing can."""
    try:
        document = read_yaml(path)
    except ProblemsFound:
        return None
    data = document.data if isinstance(document.data, dict) else {}
    sound = {
        field.name: data[field.name]
        for field in msgspec.structs.fields(LevelText)
        if field.name in data
        and not mistakes(document, (field.name,), data[field.name], field.type)
    }
    return LevelText(**{"title": level.stem, "story": "", **sound})


def _labels(model: LevelFile, text: LevelText) -> dict[str, dict[str, str]]:
    """Return the labels of options that are still there."""
    return {
        name: {option: label for option, label in labels.items() if option in slot.names}
        for name, slot in model.slots.items()
        for labels in (text.options.get(name, {}),)
    }
