"""What to play and to read for a gap: `assets/quiz/study.yaml`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

import msgspec

from kmemquest.content import assets_root
from kmemquest.content.problem import Problem, ProblemsFound, did_you_mean
from kmemquest.content.safe_yaml import read_yaml
from kmemquest.content.shape import convert
from kmemquest.quiz.bank_model import Id


class Advice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Levels to play (ids) and documents to read, the best first."""

    levels: list[Id] = msgspec.field(default_factory=list)
    read: list[str] = msgspec.field(default_factory=list)


class StudyMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Advice by topic and by tag."""

    topics: dict[Id, Advice]
    tags: dict[Id, Advice] = msgspec.field(default_factory=dict)

    def advise(self, topic: str, tags: Iterable[str] = ()) -> Advice:
        """Return the advice for a topic, that of the missed tags first."""
        parts = [self.tags[tag] for tag in tags if tag in self.tags]
        if topic in self.topics:
            parts.append(self.topics[topic])
        return Advice(
            levels=list(dict.fromkeys(name for part in parts for name in part.levels)),
            read=list(dict.fromkeys(name for part in parts for name in part.read)),
        )


def study_file() -> Path:
    """Return the study map that ships."""
    return assets_root() / "quiz" / "study.yaml"


@cache
def study_map() -> StudyMap:
    """Return the study map that ships."""
    return convert(read_yaml(study_file()), StudyMap)


def check_study(path: Path, levels: Collection[str], topics: Collection[str]) -> list[Problem]:
    """Return what is wrong: unknown levels, unknown topics, topics without advice."""
    try:
        document = read_yaml(path)
        study = convert(document, StudyMap)
    except ProblemsFound as found:
        return list(found.problems)
    problems = []
    for group, advice in (("topics", study.topics), ("tags", study.tags)):
        for name, each in advice.items():
            problems += [
                document.problem(
                    (group, name, "levels", n),
                    f"no level {level!r} in the campaign",
                    did_you_mean(level, levels),
                )
                for n, level in enumerate(each.levels)
                if level not in levels
            ]
    problems += [
        document.problem(("topics",), f"the topic {name!r} has no advice")
        for name in sorted(set(topics) - set(study.topics))
    ]
    return problems
