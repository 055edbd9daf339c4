"""A bank of somebody's own files, asked from where they are.

They are hostile until checked: read as `kmemquest check` reads them, and what is to be asked is
proven by running it before anybody is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.bank_check import TopicFiles, read_topic
from kmemquest.quiz.bank_index import IndexEntry, holds_questions, structure_files, structure_of
from kmemquest.quiz.bank_proof import proof_problems

MOST_FILES: Final = 100
"""Topics that are read at once."""


class OwnBank(Bank):
    """Topics that were read from anywhere; whatever was found wrong with them is no longer there.

    Misconceptions that they do not word are those of the bank that ships.
    """

    families: ClassVar[bool] = False

    def __init__(self, files: Sequence[TopicFiles]) -> None:
        self._files = tuple(files)
        self._index = {
            entry.id: IndexEntry(
                entry.id,
                each.topic.topic,
                entry.kind,
                entry.difficulty,
                entry.revision,
                tuple(entry.tags),
            )
            for each in files
            for entry in each.topic.questions
        }
        self._topics = {
            each.topic.topic: {entry.id: entry for entry in each.topic.questions} for each in files
        }
        self._texts = {
            (each.topic.topic, language): text
            for each in files
            for language, text in each.words.items()
        }
        self._beliefs = {}

    def belief(self, name: str, language: str) -> str:
        """Return a misconception in words; empty if nobody words it."""
        return super().belief(name, language) or open_bank().belief(name, language)

    def prove(self, names: Collection[str]) -> None:
        """Run the experiments of questions; ProblemsFound tells what does not come out."""
        problems = [
            problem
            for each in self._files
            for problem in proof_problems(each.document, each.topic, names)
        ]
        if problems:
            raise ProblemsFound(problems)


def read_own_bank(paths: Sequence[Path], languages: Sequence[str] = LANGUAGES) -> OwnBank:
    """Read structure files, and folders of them; ProblemsFound tells all that is wrong.

    Words are needed in the given languages only. Nothing is run: see `OwnBank.prove`.
    """
    files: list[TopicFiles] = []
    problems: list[Problem] = []
    for path in _structures(paths):
        read, found = read_topic(path, languages)
        problems += found
        if read is not None:
            files.append(read)
    problems = problems or list(_clashes(files))
    if problems:
        raise ProblemsFound(problems)
    return OwnBank(files)


def _structures(paths: Sequence[Path]) -> list[Path]:
    """Return the structure files that are meant, each once."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = [each for each in structure_files(path) if holds_questions(each)]
            if not inside:
                hint = "kmemquest new question my-topic writes one"
                raise ProblemsFound([Problem(str(path), 0, 0, "no topic in this folder", hint)])
            found |= dict.fromkeys(inside)
        else:
            found[structure_of(path)] = None
    if len(found) > MOST_FILES:
        problem = Problem(
            str(paths[0]), 0, 0, f"{len(found)} topics at once", f"at most {MOST_FILES}"
        )
        raise ProblemsFound([problem])
    return list(found)


def _clashes(files: Sequence[TopicFiles]) -> Iterator[Problem]:
    """Yield a problem for each topic and each id that two files have."""
    topics: dict[str, Path] = {}
    ids: dict[str, Path] = {}
    for each in files:
        name = each.topic.topic
        if name in topics:
            yield each.document.problem(("topic",), f"{topics[name]} is the topic {name!r}, too")
        topics.setdefault(name, each.path)
        for index, entry in enumerate(each.topic.questions):
            if entry.id in ids:
                message = f"the id {entry.id!r} is also in {ids[entry.id]}"
                yield each.document.problem(("questions", index, "id"), message, "ids are unique")
            ids.setdefault(entry.id, each.path)
