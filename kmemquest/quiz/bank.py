"""The question bank: an index of what there is, and each topic's questions when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

from kmemquest.content import assets_root
from kmemquest.content.safe_yaml import read_yaml
from kmemquest.content.shape import convert
from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.bank_check import check_bank_file
from kmemquest.quiz.bank_index import IndexEntry, scan, scan_title, structure_files
from kmemquest.quiz.bank_model import BankFile, Entry, TextFile
from kmemquest.quiz.question import Question
from kmemquest.quiz.wording import worded

__all__ = ["Bank", "IndexEntry", "check_bank_file", "open_bank", "structure_files", "worded"]


class Bank:
    """All topics of a folder. Only the index is read at first; a topic is read when asked for."""

    families: ClassVar[bool] = True
    """Whether questions made by generators are drawn together with the bank's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index: dict[str, IndexEntry] = {
            entry.id: entry for path in structure_files(folder) for entry in scan(path)
        }
        self._topics: dict[str, dict[str, Entry]] = {}
        self._texts: dict[tuple[str, str], TextFile] = {}
        self._titles: dict[tuple[str, str], str] = {}
        self._beliefs: dict[str, dict[str, str]] = {}

    @property
    def entries(self) -> tuple[IndexEntry, ...]:
        """Every question, in the order of the files."""
        return tuple(self._index.values())

    @property
    def topics(self) -> tuple[str, ...]:
        """The bank's topics, sorted."""
        return tuple(sorted({entry.topic for entry in self._index.values()}))

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def entry(self, name: str) -> IndexEntry:
        """Return what the index knows of a question; KeyError for an unknown id."""
        return self._index[name]

    def question(self, name: str, language: str) -> Question:
        """Return a question in a language; KeyError for an unknown id.

        Executed kinds come without their key, see `kmemquest.quiz.answer_key.settled`.
        """
        topic = self._index[name].topic
        entry = self._structure(topic)[name]
        return worded(topic, entry, self._text(topic, language).questions[name])

    def title(self, topic: str, language: str) -> str:
        """Return a topic's title, from the head of its file as long as that is enough."""
        key = (topic, language)
        if key not in self._texts:
            if key not in self._titles:
                self._titles[key] = scan_title(self._words_file(topic, language))
            if self._titles[key]:
                return self._titles[key]
        return self._text(topic, language).title

    def belief(self, name: str, language: str) -> str:
        """Return a misconception in words; empty if no topic words it."""
        if language not in self._beliefs:
            words: dict[str, str] = {}
            for topic in self.topics:
                words = {**self._text(topic, language).beliefs, **words}
            self._beliefs[language] = words
        return self._beliefs[language].get(name, "")

    def _structure(self, topic: str) -> Mapping[str, Entry]:
        if topic not in self._topics:
            file = convert(read_yaml(self._folder / f"{topic}.yaml"), BankFile)
            self._topics[topic] = {entry.id: entry for entry in file.questions}
        return self._topics[topic]

    def _text(self, topic: str, language: str) -> TextFile:
        key = (topic, language)
        if key not in self._texts:
            self._texts[key] = convert(read_yaml(self._words_file(topic, language)), TextFile)
        return self._texts[key]

    def _words_file(self, topic: str, language: str) -> Path:
        return self._folder / f"{topic}.{language}.yaml"


@cache
def open_bank() -> Bank:
    """Return the bank that ships with the game."""
    return Bank(assets_root() / "quiz")


def languages_of(folder: Path, topic: str) -> tuple[str, ...]:
    """Return the languages in which a topic has words."""
    return tuple(name for name in LANGUAGES if (folder / f"{topic}.{name}.yaml").is_file())
