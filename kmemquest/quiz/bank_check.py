"""Proving a topic: its structure per kind, its words in both languages, and its keys by running."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.content.safe_yaml import Document, YamlPath, read_yaml
from kmemquest.content.shape import convert
from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.bank_index import scan
from kmemquest.quiz.bank_model import BankFile, Entry, EntryText, TextFile
from kmemquest.quiz.bank_proof import proof_problems
from kmemquest.quiz.bank_references import (
    belief_problems,
    character_problems,
    id_problems,
    source_problems,
)
from kmemquest.quiz.expectation import expectation_mistake, measure_mistake
from kmemquest.quiz.experiment import HOLE

_CHOICES: Final = ("single", "multiple")
_TAKES: Final[dict[str, tuple[str, ...]]] = {
    "single": ("options", "correct", "verdict", "run", "number", "numbers"),
    "multiple": ("options", "correct", "verdict"),
    "numeric": ("run", "number", "unit", "numbers"),
    "order": ("options", "either", "run", "at"),
    "code": ("run", "goals", "options", "code", "correct", "lines"),
    "bug": ("run", "options", "lines", "bug"),
    "log": ("run", "options", "expects", "presentation"),
    "match": ("options", "pairs"),
}
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "single": ("options", "correct"),
    "multiple": ("options", "correct"),
    "numeric": ("run", "number"),
    "order": ("options",),
    "code": ("run", "goals", "options", "code", "correct"),
    "bug": ("run", "options", "lines"),
    "log": ("run", "options", "expects"),
    "match": ("options", "pairs"),
}
_OF_KINDS: Final = tuple(sorted({name for names in _TAKES.values() for name in names}))
MAX_DECOYS: Final = 2
PARALLEL_FROM: Final = 3
"""Topics from which on starting processes is worth its time."""


@dataclass(frozen=True, slots=True)
class TopicFiles:
    """A topic as it was read: its structure file and its words by language."""

    path: Path
    document: Document
    topic: BankFile
    words: dict[str, TextFile]
    sound: bool
    """Whether the structure is sound enough to run its experiments."""


def read_topic(
    path: Path, languages: Sequence[str] = LANGUAGES
) -> tuple[TopicFiles | None, list[Problem]]:
    """Return a topic with all that is wrong with its files; nothing is run.

    None without a structure to speak of. Each of the languages must word every question and every
    option, and nothing else.
    """
    try:
        document = read_yaml(path)
        topic = convert(document, BankFile)
    except ProblemsFound as found:
        return None, list(found.problems)
    problems = _structure_problems(document, topic, path)
    sound = not problems
    problems += source_problems(document, topic)
    problems += id_problems(document, topic, path)
    words: dict[str, TextFile] = {}
    in_words: list[Problem] = []
    for language in languages:
        text_path = path.with_name(f"{path.stem}.{language}.yaml")
        try:
            text = read_yaml(text_path)
            words[language] = convert(text, TextFile)
            in_words += _text_problems(text, words[language], topic, language)
        except ProblemsFound as found:
            in_words += found.problems
    problems += belief_problems(document, topic, path, words)
    return TopicFiles(path, document, topic, words, sound), problems + in_words


def check_bank_files(paths: Sequence[Path]) -> list[tuple[int, list[Problem]]]:
    """Check several topics side by side, as many as there are processors."""
    workers = min(len(paths), os.cpu_count() or 1)
    if len(paths) < PARALLEL_FROM or workers < 2:
        return [check_bank_file(path) for path in paths]
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(check_bank_file, paths))


def check_bank_file(path: Path) -> tuple[int, list[Problem]]:
    """Return how many questions a structure file holds, and all that is wrong with it.

    Every experiment is run, but only when the structure is sound.
    """
    files, problems = read_topic(path)
    if files is None:
        return 0, problems
    if files.sound:
        problems = proof_problems(files.document, files.topic) + problems
    return len(files.topic.questions), problems


# --- structure ----------------------------------------------------------------------------


def _structure_problems(document: Document, topic: BankFile, path: Path) -> list[Problem]:
    problems = character_problems(document)
    if topic.topic != path.stem:
        problems.append(
            document.problem(
                ("topic",),
                f"topic {topic.topic!r} in a file named {path.name}",
                "rename one of them",
            )
        )
    problems += _index_problems(document, topic, path)
    seen: set[str] = set()
    for index, entry in enumerate(topic.questions):
        where: YamlPath = ("questions", index)
        if entry.id in seen:
            problems.append(
                document.problem(
                    (*where, "id"), f"the id {entry.id!r} is used twice", "ids are unique"
                )
            )
        seen.add(entry.id)
        problems += _Entry(document, where, entry).problems()
    return problems


def _index_problems(document: Document, topic: BankFile, path: Path) -> list[Problem]:
    found = {entry.id: entry for entry in scan(path)}
    problems = []
    for index, entry in enumerate(topic.questions):
        head = found.pop(entry.id, None)
        read = (entry.kind, entry.difficulty, entry.revision, tuple(entry.tags))
        if head is None or (head.kind, head.difficulty, head.revision, head.tags) != read:
            problems.append(
                document.problem(
                    ("questions", index),
                    f"the index cannot read the head of {entry.id!r}",
                    "begin with id, kind, difficulty, then revision and tags, plain, in this "
                    "order, each on a line of its own or all on one; tags: [a, b] on one line",
                )
            )
    return problems + [
        document.problem(("questions",), f"the index finds a question {name!r} that is none")
        for name in found
    ]


class _Entry:
    """The rules for one question."""

    def __init__(self, document: Document, where: YamlPath, entry: Entry) -> None:
        self._document = document
        self._where = where
        self._entry = entry
        self._found: list[Problem] = []

    def problems(self) -> list[Problem]:
        """Return all that is wrong."""
        entry = self._entry
        given = {name for name in _OF_KINDS if self._is_given(name)}
        for name in sorted(given - set(_TAKES[entry.kind])):
            self._wrong((name,), f"a question of kind {entry.kind} takes no {name}", key=True)
        missing = [name for name in _NEEDS[entry.kind] if name not in given]
        for name in missing:
            self._wrong((), f"a question of kind {entry.kind} needs {name}")
        if not missing:
            self._options()
            getattr(self, f"_{entry.kind}", self._nothing)()
        return self._found

    def _is_given(self, name: str) -> bool:
        return (*self._where, name) in self._document.marks

    def _wrong(self, at: YamlPath, message: str, hint: str = "", *, key: bool = False) -> None:
        self._found.append(self._document.problem((*self._where, *at), message, hint, key=key))

    def _nothing(self) -> None:
        """Nothing more to look at."""

    def _options(self) -> None:
        entry = self._entry
        if len(set(entry.options)) != len(entry.options):
            self._wrong(("options",), "an option is listed twice")
        fewest = {"numeric": 0, "code": 1}.get(entry.kind, 2)
        if len(entry.options) < fewest:
            self._wrong(("options",), f"at least {fewest} options, please")
        for name in entry.correct:
            self._known(("correct",), name)
        for name in entry.beliefs:
            if name not in entry.options and name not in entry.numbers:
                self._wrong(("beliefs", name), f"{name!r} is not an option", key=True)
            elif name in entry.correct:
                self._wrong(("beliefs", name), f"{name!r} is right, so no belief leads to it")

    def _known(self, at: YamlPath, name: str) -> None:
        if name not in self._entry.options:
            options = ", ".join(self._entry.options)
            self._wrong(at, f"{name!r} is not an option", f"options: {options}")

    def _covers(self, at: str, names: Sequence[str]) -> None:
        """Complain unless a mapping has each option and nothing else."""
        for name in self._entry.options:
            if name not in names:
                self._wrong((at,), f"the option {name!r} is missing in {at}")
        for name in names:
            self._known((at, name), name)

    def _single(self) -> None:
        if len(self._entry.correct) != 1:
            self._wrong(("correct",), "a single choice has exactly one right option", "multiple?")
        self._some_wrong()
        if len({self._is_given(name) for name in ("run", "number", "numbers")}) == 2:
            self._wrong((), "run, number and numbers belong together: they prove the right option")
        elif self._entry.run is not None:
            self._covers("numbers", list(self._entry.numbers))
            self._numeric()

    def _multiple(self) -> None:
        self._some_wrong()

    def _some_wrong(self) -> None:
        if len(set(self._entry.correct)) >= len(self._entry.options):
            self._wrong(("correct",), "every option is right", "add a wrong one")

    def _numeric(self) -> None:
        if mistake := measure_mistake(self._entry.number):
            self._wrong(("number",), mistake)
        values = list(self._entry.numbers.values())
        if len(set(values)) != len(values):
            self._wrong(("numbers",), "the same number stands here twice")

    def _order(self) -> None:
        entry = self._entry
        if bool(entry.at) != (entry.run is not None):
            self._wrong((), "run and at belong together: one proves the order by the other")
        if entry.at:
            self._covers("at", list(entry.at))
        for index, group in enumerate(entry.either):
            places = sorted(entry.options.index(name) for name in group if name in entry.options)
            if len(places) != len(group) or places != list(
                range(places[0], places[0] + len(places))
            ):
                self._wrong(("either", index), "a group of neighbouring options is expected here")

    def _code(self) -> None:
        entry = self._entry
        assert entry.run is not None
        if entry.run.driver.count(HOLE) != 1:
            self._wrong(("run", "driver"), f"the driver needs {HOLE} exactly once")
        self._covers("code", list(entry.code))
        if not isinstance(entry.lines, bool) and entry.lines:
            self._wrong(("lines",), "for code, lines is true or false")
        self._expectations(("goals",), entry.goals)

    def _bug(self) -> None:
        entry = self._entry
        assert entry.run is not None
        if isinstance(entry.lines, bool):
            self._wrong(("lines",), "lines maps each option to a piece of its line")
            return
        self._covers("lines", list(entry.lines))
        driver = entry.run.driver.splitlines()
        taken: set[int] = set()
        for name, fragment in entry.lines.items():
            found = [number for number, line in enumerate(driver, 1) if fragment in line]
            if len(found) != 1:
                message = f"{fragment!r} stands on {len(found)} lines of the driver, not on one"
                self._wrong(("lines", name), message)
            elif found[0] in taken:
                self._wrong(("lines", name), "another option stands for the same line")
            taken.update(found)

    def _log(self) -> None:
        self._covers("expects", list(self._entry.expects))
        for name, wanted in self._entry.expects.items():
            if not wanted:
                self._wrong(("expects", name), "an option must expect something", "e.g. [silent]")
            self._expectations(("expects", name), wanted)

    def _expectations(self, at: YamlPath, wanted: Sequence[object]) -> None:
        for index, each in enumerate(wanted):
            if mistake := expectation_mistake(each):
                self._wrong((*at, index), mistake)

    def _match(self) -> None:
        entry = self._entry
        for name, option in entry.pairs.items():
            self._known(("pairs", name), option)
        if len(entry.pairs) < 2:
            self._wrong(("pairs",), "at least two pairs, please")
        decoys = [name for name in entry.options if name not in entry.pairs.values()]
        if len(decoys) > MAX_DECOYS:
            self._wrong(("options",), f"at most {MAX_DECOYS} options may stay without a partner")


# --- words --------------------------------------------------------------------------------


def _text_problems(
    document: Document, text: TextFile, topic: BankFile, language: str
) -> list[Problem]:
    problems = character_problems(document)
    if text.language != language:
        problems.append(
            document.problem(("language",), f"expected {language}, found {text.language}")
        )
    known = {entry.id: entry for entry in topic.questions}
    for name in sorted(set(known) - set(text.questions)):
        problems.append(
            document.problem(("questions",), f"the question {name!r} has no {language} wording")
        )
    for name, words in text.questions.items():
        if name not in known:
            problems.append(
                document.problem(
                    ("questions", name), f"no question {name!r} in the bank", "remove it", key=True
                )
            )
            continue
        problems += _wording_problems(document, name, words, known[name])
    return problems


def _wording_problems(
    document: Document, name: str, words: EntryText, entry: Entry
) -> list[Problem]:
    where = ("questions", name)
    options = entry.options or list(entry.numbers)
    problems = _same_names(document, (*where, "options"), options, list(words.options), "option")
    problems += _same_names(
        document, (*where, "items"), list(entry.pairs), list(words.items), "item"
    )
    may_lack_text = {*entry.code, *entry.numbers, *entry.expects}
    if not isinstance(entry.lines, bool):
        may_lack_text |= set(entry.lines)
    problems += [
        document.problem((*where, "options", option), f"the option {option!r} has no text")
        for option, text in words.options.items()
        if not text.text and option in options and option not in may_lack_text
    ]
    for option, wanted in entry.expects.items():
        has_line = any(isinstance(w, dict) or w not in ("silent", "no-report") for w in wanted)
        if option in words.options and not words.options[option].text and not has_line:
            problems.append(
                document.problem((*where, "options", option), f"the option {option!r} has no text")
            )
    if bool(words.claim) != (entry.presentation == "court"):
        hint = "a claim belongs to presentation: court, and the other way round"
        problems.append(document.problem(where, f"{name!r}: claim and presentation differ", hint))
    return problems


def _same_names(
    document: Document, where: YamlPath, wanted: Sequence[str], found: Sequence[str], what: str
) -> list[Problem]:
    return [
        document.problem(where, f"{what} {each!r} of {where[1]!r} has no wording")
        for each in wanted
        if each not in found
    ] + [
        document.problem(
            (*where, each), f"{where[1]!r} has no {what} {each!r}", "remove it", key=True
        )
        for each in found
        if each not in wanted
    ]
