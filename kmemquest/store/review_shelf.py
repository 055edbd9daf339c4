"""Review in the save file: read once, kept in memory, each change written at once as a whole."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from kmemquest.store.review_records import ExamResult, ReviewCard, ReviewGrade

Statement = tuple[str, tuple[object, ...]]

TABLES: Final = (
    """CREATE TABLE review_card (
        item TEXT PRIMARY KEY,
        topic TEXT NOT NULL,
        revision INTEGER NOT NULL,
        card TEXT NOT NULL,
        suspended INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE review_grade (
        number INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        item TEXT NOT NULL,
        topic TEXT NOT NULL,
        score REAL NOT NULL,
        rating INTEGER NOT NULL,
        beliefs TEXT NOT NULL,
        offered TEXT NOT NULL,
        before TEXT NOT NULL,
        recall REAL NOT NULL
    )""",
    "CREATE INDEX review_grade_by_item ON review_grade (item, number)",
    """CREATE TABLE exam_result (
        number INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        blueprint TEXT NOT NULL,
        seed INTEGER NOT NULL,
        score REAL NOT NULL,
        report TEXT NOT NULL
    )""",
)
"""The migration that brings review into a save file; released, so it never changes."""

_PUT_CARD: Final = (
    "INSERT OR REPLACE INTO review_card (item, topic, revision, card, suspended)"
    " VALUES (?, ?, ?, ?, ?)"
)


class ReviewShelf:
    """Cards, grades and exam results. `write` takes statements that belong together."""

    def __init__(self, write: Callable[[Sequence[Statement]], None]) -> None:
        self._write = write
        self._cards: dict[str, ReviewCard] = {}
        self._grades: list[ReviewGrade] = []
        self._exams: list[ExamResult] = []

    @property
    def cards(self) -> Mapping[str, ReviewCard]:
        """All cards ever touched, by item."""
        return self._cards

    @property
    def grades(self) -> Sequence[ReviewGrade]:
        """All grades, oldest first."""
        return tuple(self._grades)

    @property
    def exams(self) -> Sequence[ExamResult]:
        """All finished mock interviews, oldest first."""
        return tuple(self._exams)

    def put(self, card: ReviewCard) -> None:
        """Save a card as it is now (suspended, or begun anew)."""
        self._cards[card.item] = card
        self._write([_put(card)])

    def graded(self, card: ReviewCard, grade: ReviewGrade) -> None:
        """Save a grade together with the card that it leads to."""
        self._cards[card.item] = card
        self._grades.append(grade)
        self._write(
            [
                _put(card),
                (
                    "INSERT INTO review_grade (at, item, topic, score, rating, beliefs, offered,"
                    " before, recall) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        grade.at,
                        grade.item,
                        grade.topic,
                        grade.score,
                        grade.rating,
                        json.dumps(grade.beliefs),
                        json.dumps(grade.offered),
                        grade.before,
                        grade.recall,
                    ),
                ),
            ]
        )

    def undo(self) -> ReviewGrade | None:
        """Take the last grade back and put its card into the state before; None without one."""
        if not self._grades:
            return None
        grade = self._grades.pop()
        statements: list[Statement] = [
            (
                "DELETE FROM review_grade WHERE number ="
                " (SELECT MAX(number) FROM review_grade WHERE item = ? AND at = ?)",
                (grade.item, grade.at),
            )
        ]
        card = self._cards.get(grade.item)
        if card is not None:
            card = replace(card, card=grade.before)
            self._cards[card.item] = card
            statements.append(_put(card))
        self._write(statements)
        return grade

    def forget_all_but(self, known: Collection[str], kinds: Iterable[str]) -> tuple[str, ...]:
        """Remove what belongs to items that are no more; returns them.

        `kinds` are the prefixes (`q:`, `g:`, `p:`) of which `known` holds every item there is.
        """
        prefixes = tuple(kinds)
        items = {*self._cards, *(grade.item for grade in self._grades)}
        gone = sorted(item for item in items if item.startswith(prefixes) and item not in known)
        if not gone:
            return ()
        for item in gone:
            self._cards.pop(item, None)
        dead = set(gone)
        self._grades = [grade for grade in self._grades if grade.item not in dead]
        self._write(
            [
                (f"DELETE FROM {table} WHERE item = ?", (item,))
                for item in gone
                for table in ("review_card", "review_grade")
            ]
        )
        return tuple(gone)

    def record_exam(self, result: ExamResult) -> None:
        """Save a finished mock interview."""
        self._exams.append(result)
        self._write(
            [
                (
                    "INSERT INTO exam_result (at, blueprint, seed, score, report)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (result.at, result.blueprint, result.seed, result.score, result.report),
                )
            ]
        )

    def read(self, connection: sqlite3.Connection) -> None:
        """Take everything from the file."""
        rows = connection.execute("SELECT item, topic, revision, card, suspended FROM review_card")
        self._cards = {
            item: ReviewCard(item, topic, revision, card, bool(suspended))
            for item, topic, revision, card, suspended in rows
        }
        rows = connection.execute(
            "SELECT at, item, topic, score, rating, beliefs, offered, before, recall"
            " FROM review_grade ORDER BY number"
        )
        self._grades = [
            ReviewGrade(
                at, item, topic, score, rating, _words(beliefs), _words(offered), before, recall
            )
            for at, item, topic, score, rating, beliefs, offered, before, recall in rows
        ]
        rows = connection.execute(
            "SELECT at, blueprint, seed, score, report FROM exam_result ORDER BY number"
        )
        self._exams = [ExamResult(*row) for row in rows]


def _put(card: ReviewCard) -> Statement:
    return (
        _PUT_CARD,
        (card.item, card.topic, card.revision, card.card, int(card.suspended)),
    )


def _words(text: str) -> tuple[str, ...]:
    """A list of words; an unreadable one is forgotten, not fatal."""
    try:
        value = json.loads(text)
    except ValueError:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else ()
