"""The question bank: an index of what there is, and each question's words when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kmemquest.content import assets_root
from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.content.safe_yaml import Document, read_yaml
from kmemquest.content.shape import convert
from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.bank_model import BankFile, Entry, EntryText, TextFile
from kmemquest.quiz.question import Option, Question


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the index knows of a question without its words."""

    id: str
    topic: str
    kind: str
    difficulty: int


class Bank:
    """All topics of a folder; words are read per topic and language when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, tuple[str, Entry]] = {}
        self._texts: dict[tuple[str, str], TextFile] = {}
        for path in structure_files(folder):
            topic = convert(read_yaml(path), BankFile)
            for entry in topic.questions:
                self._entries[entry.id] = (topic.topic, entry)

    @property
    def entries(self) -> tuple[IndexEntry, ...]:
        """Every question, in the order of the files."""
        return tuple(
            IndexEntry(entry.id, topic, entry.kind, entry.difficulty)
            for topic, entry in self._entries.values()
        )

    def question(self, name: str, language: str) -> Question:
        """Return a question in a language; KeyError for an unknown id."""
        topic, entry = self._entries[name]
        return worded(topic, entry, self._text(topic, language).questions[name])

    def title(self, topic: str, language: str) -> str:
        """Return a topic's title."""
        return self._text(topic, language).title

    def _text(self, topic: str, language: str) -> TextFile:
        key = (topic, language)
        if key not in self._texts:
            path = self._folder / f"{topic}.{language}.yaml"
            self._texts[key] = convert(read_yaml(path), TextFile)
        return self._texts[key]


@cache
def open_bank() -> Bank:
    """Return the bank that ships with the game."""
    return Bank(assets_root() / "quiz")


def structure_files(folder: Path) -> list[Path]:
    """Return the structure files of a folder, sorted by name."""
    return sorted(path for path in folder.glob("*.yaml") if path.name.count(".") == 1)


def worded(topic: str, entry: Entry, text: EntryText) -> Question:
    """Join a question's structure and its words."""
    return Question(
        id=entry.id,
        topic=topic,
        kind=entry.kind,
        difficulty=entry.difficulty,
        prompt=text.prompt,
        options=tuple(
            Option(
                name, text.options[name].text, text.options[name].feedback, name in entry.correct
            )
            for name in entry.options
        ),
        explanation=text.explanation,
        sources=tuple(entry.sources),
        folk=text.folk,
        verdict=entry.verdict or "",
    )


# --- proving the bank ---------------------------------------------------------------------


def check_bank_file(path: Path) -> tuple[int, list[Problem]]:
    """Return how many questions a structure file holds, and all that is wrong with it.

    Both languages must word every question and every option, and nothing else.
    """
    try:
        document = read_yaml(path)
        topic = convert(document, BankFile)
    except ProblemsFound as found:
        return 0, list(found.problems)
    problems = _structure_problems(document, topic, path)
    for language in LANGUAGES:
        text_path = path.with_name(f"{path.stem}.{language}.yaml")
        try:
            words = read_yaml(text_path)
            problems += _text_problems(words, convert(words, TextFile), topic, language)
        except ProblemsFound as found:
            problems += found.problems
    return len(topic.questions), problems


def _structure_problems(document: Document, topic: BankFile, path: Path) -> list[Problem]:
    problems = []
    if topic.topic != path.stem:
        problems.append(
            document.problem(
                ("topic",),
                f"topic {topic.topic!r} in a file named {path.name}",
                "rename one of them",
            )
        )
    seen: set[str] = set()
    for index, entry in enumerate(topic.questions):
        where = ("questions", index)
        if entry.id in seen:
            problems.append(
                document.problem(
                    (*where, "id"), f"the id {entry.id!r} is used twice", "ids are unique"
                )
            )
        seen.add(entry.id)
        problems += [
            document.problem(
                (*where, "correct"),
                f"{name!r} is not an option",
                f"options: {', '.join(entry.options)}",
            )
            for name in entry.correct
            if name not in entry.options
        ]
        if len(set(entry.options)) != len(entry.options):
            problems.append(document.problem((*where, "options"), "an option is listed twice"))
        if entry.kind == "single" and len(entry.correct) != 1:
            problems.append(
                document.problem(
                    (*where, "correct"),
                    "a single choice has exactly one right option",
                    "use multiple",
                )
            )
        if len(set(entry.correct)) >= len(entry.options):
            problems.append(
                document.problem((*where, "correct"), "every option is right", "add a wrong one")
            )
    return problems


def _text_problems(
    document: Document, text: TextFile, topic: BankFile, language: str
) -> list[Problem]:
    problems = []
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
        problems += _option_problems(document, name, words, known[name].options)
    return problems


def _option_problems(
    document: Document, name: str, words: EntryText, options: Sequence[str]
) -> list[Problem]:
    where = ("questions", name, "options")
    missing = [option for option in options if option not in words.options]
    extra = [option for option in words.options if option not in options]
    return [
        document.problem(where, f"option {option!r} of {name!r} has no wording")
        for option in missing
    ] + [
        document.problem(
            (*where, option), f"{name!r} has no option {option!r}", "remove it", key=True
        )
        for option in extra
    ]
