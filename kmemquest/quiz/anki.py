"""Anki packages through genanki: stable ids, so that a second import keeps all scheduling.

A note's guid comes from the question's id and language alone; its deck from topic and language.
Edited words reach the player's notes, their intervals stay.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from kmemquest.i18n import language, set_language
from kmemquest.quiz.answer_key import settled
from kmemquest.quiz.bank import Bank
from kmemquest.quiz.draw import shuffled
from kmemquest.quiz.generator import GENERATORS, generate
from kmemquest.quiz.given import setting_line
from kmemquest.quiz.presentation import (
    key_text,
    option_lines,
    option_text,
    prompt_lines,
    source_lines,
)
from kmemquest.quiz.question import Question

FIELDS: Final = ("Id", "Question", "Options", "Answer", "Feedback", "Explanation", "Source")
MODEL_ID: Final = 1_743_206_112
"""Drawn once and for ever: Anki knows the note type by it."""
DECK_BASE: Final = 1 << 31
_FRONT: Final = '<div class="q">{{Question}}</div>{{Options}}'
_BACK: Final = (
    '{{FrontSide}}<hr id="answer"><div class="a">{{Answer}}</div>{{Feedback}}'
    '<p>{{Explanation}}</p><p class="s">{{Source}}<br>{{Id}}</p>'
)
_CSS: Final = (
    ".card { font-family: sans-serif; font-size: 18px; text-align: left; } "
    "pre { font-size: 13px; white-space: pre-wrap; } .a { font-weight: bold; } "
    ".s { color: #777; font-size: 12px; }"
)


class NoAnkiLibrary(RuntimeError):
    """genanki is not installed."""


@dataclass(frozen=True, slots=True)
class AnkiNote:
    """A note before it is packed: `fields` in the order of FIELDS, as HTML."""

    deck: str
    guid_of: tuple[str, str]
    fields: tuple[str, ...]
    tags: tuple[str, ...]


def anki_notes(
    bank: Bank,
    languages: Sequence[str],
    *,
    topics: Sequence[str] = (),
    generated: int = 0,
) -> list[AnkiNote]:
    """Return a note for each question and language; `generated` seeds of each family."""
    before = language()
    notes = []
    try:
        for name in languages:
            set_language(name)
            for question in _questions(bank, name, topics, generated):
                notes.append(_note(question, bank, name))
    finally:
        set_language(before)
    return notes


def _questions(bank: Bank, name: str, topics: Sequence[str], generated: int) -> Iterable[Question]:
    import random

    for entry in bank.entries:
        if not topics or entry.topic in topics:
            yield shuffled(settled(bank.question(entry.id, name)), random.Random(entry.id))
    for family in sorted(GENERATORS):
        if bank.families and (not topics or GENERATORS[family].topic in topics):
            yield from (generate(family, seed, name) for seed in range(1, generated + 1))


def _note(question: Question, bank: Bank, name: str) -> AnkiNote:
    prompt = "<br>".join(escape(line) for line in prompt_lines(question))
    if question.experiment is not None and not question.hides_driver:
        prompt += f"<br>{escape(setting_line(question))}"
        prompt += f"<pre>{escape(chr(10).join(source_lines(question)))}</pre>"
    options = "".join(f"<div>{escape(line)}</div>" for line in option_lines(question))
    feedback = "".join(f"<div>{escape(line)}</div>" for line in _feedback_lines(question))
    fields = (
        question.id,
        prompt,
        options,
        escape(key_text(question)),
        feedback,
        escape(question.explanation),
        escape(" · ".join(question.sources)),
    )
    tags = (
        "kmemquest",
        f"topic::{question.topic}",
        f"kind::{question.kind}",
        f"difficulty::{question.difficulty}",
        f"language::{name}",
        *(f"concept::{tag}" for tag in question.tags),
    )
    return AnkiNote(deck_name(question.topic, name, bank), (question.id, name), fields, tags)


def _feedback_lines(question: Question) -> Iterator[str]:
    """Yield what is to be said of each option: steps in the right order, pairs as pairs."""
    by_id = {option.id: option for option in question.options}
    if question.kind == "order":
        for number, name in enumerate(question.order, 1):
            yield f"{number}. {by_id[name].text}: {by_id[name].feedback}"
    elif question.kind == "match":
        for item, text in question.items:
            partner = by_id[question.pairs[item]]
            yield f"{text} → {partner.text}: {partner.feedback}"
        paired = set(question.pairs.values())
        for option in question.options:
            if option.id not in paired:
                yield f"✗ {option.text}: {option.feedback}"
    else:
        for option in question.options:
            mark = "✓" if option.correct else "✗"
            yield f"{mark} {option_text(question, option)}: {option.feedback}"


def deck_name(topic: str, name: str, bank: Bank) -> str:
    """Return the deck of a topic in a language: `KMemQuest en::…`."""
    title = bank.title(topic, name) if topic in bank.topics else topic
    return f"KMemQuest {name}::{title.replace('::', ':')}"


def deck_id(topic_deck: str) -> int:
    """Return the stable id of a deck."""
    return DECK_BASE + zlib.crc32(topic_deck.encode())


def write_anki(notes: Sequence[AnkiNote], path: Path) -> int:
    """Write an .apkg; returns the number of notes. NoAnkiLibrary says what to install."""
    try:
        import genanki
    except ImportError:
        raise NoAnkiLibrary("Anki packages need genanki: pip install 'kmemquest[anki]'") from None
    model = genanki.Model(
        MODEL_ID,
        "KMemQuest question",
        fields=[{"name": name} for name in FIELDS],
        templates=[{"name": "Card 1", "qfmt": _FRONT, "afmt": _BACK}],
        css=_CSS,
    )
    decks: dict[str, Any] = {}
    for note in notes:
        deck = decks.setdefault(note.deck, genanki.Deck(deck_id(note.deck), note.deck))
        deck.add_note(
            genanki.Note(
                model=model,
                fields=list(note.fields),
                tags=list(note.tags),
                guid=_guid(genanki, note.guid_of),
            )
        )
    genanki.Package(list(decks.values())).write_to_file(str(path))
    return len(notes)


def _guid(library: Any, words: tuple[str, str]) -> str:
    return str(library.guid_for("kmemquest", *words))
