"""The store: everything is read once, kept in memory, and every action is written at once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kmemquest.store.database import open_or_replace
from kmemquest.store.paths import save_path
from kmemquest.store.practice_shelf import PracticeShelf
from kmemquest.store.records import Attempt, Draft, LevelProgress, QuizAnswer, QuizTally
from kmemquest.store.review_shelf import ReviewShelf, Statement
from kmemquest.store.trouble import Trouble, kind_of

_SAVE_DRAFT = "INSERT OR REPLACE INTO draft (name, text, setup, at) VALUES (?, ?, ?, ?)"


class Store:
    """A player's save. Reads come from memory; writes go to memory first, then to the file.

    While the file refuses writes, statements wait in order and are tried again with the next
    action, so a lock that goes away loses nothing.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection | None,
        trouble: Trouble | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.trouble = trouble
        """What is wrong with the file, or was when it was opened; None when all is well."""
        self._connection = connection
        self._now = now
        self._waiting: list[Statement] = []
        self._stale = connection is None
        self._levels: dict[str, LevelProgress] = {}
        self._questions: dict[str, QuizTally] = {}
        self._settings: dict[str, str] = {}
        self.review = ReviewShelf(self._write_all)
        """Cards, grades and exams of the interview trainer."""
        self.practice = PracticeShelf(self._write_all, now)
        """Tests of worlds, and training."""
        self._drafts: dict[str, Draft] = {}
        if connection is not None:
            self._read(connection)

    @classmethod
    def open(cls, path: Path | None = None, now: Callable[[], float] = time.time) -> Store:
        """Open the save at `path` (the player's own by default); never raises for the disk."""
        target = save_path() if path is None else path
        connection, trouble = open_or_replace(target)
        try:
            return cls(target, connection, trouble, now)
        except sqlite3.Error as error:
            # Pages that quick_check does not visit can still be unreadable.
            return cls(target, None, Trouble(kind_of(error, target), target, str(error)), now)

    @classmethod
    def in_memory(cls, now: Callable[[], float] = time.time) -> Store:
        """A store that forgets everything at the end: guests, tests, screenshots."""
        return cls(Path(":memory:"), None, None, now)

    def close(self) -> None:
        """Write what waits, if it can be written now, and let go of the file."""
        self._flush()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # --- levels -----------------------------------------------------------------------------

    def level(self, level: str) -> LevelProgress:
        """What is known of a level; an empty record when it was never tried."""
        return self._levels.get(level) or LevelProgress(level)

    def levels(self) -> Mapping[str, LevelProgress]:
        """All levels ever tried, by id."""
        return self._levels

    def last_level(self) -> str | None:
        """The level tried or opened last."""
        return self._settings.get("last-level")

    def opened_level(self, level: str) -> None:
        """Remember that a level is on the screen, for "continue"."""
        self.set("last-level", level)

    def record_attempt(self, attempt: Attempt) -> LevelProgress:
        """Save a finished attempt; returns the level's new record."""
        before = self.level(attempt.level)
        after = replace(
            before,
            attempts=before.attempts + 1,
            best_stars=max(before.best_stars, attempt.stars),
            passed=before.passed or attempt.passed,
            last_answers=dict(attempt.answers),
        )
        self._levels[attempt.level] = after
        self._write(
            "INSERT INTO attempt (at, level, answers, passed, stars, failed_goals, prediction,"
            " foretold) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            self._now(),
            attempt.level,
            json.dumps(dict(attempt.answers), sort_keys=True),
            int(attempt.passed),
            attempt.stars,
            json.dumps(attempt.failed_goals),
            attempt.prediction,
            None if attempt.foretold is None else int(attempt.foretold),
        )
        return after

    def record_hint(self, level: str, shown: int) -> None:
        """Remember how many hints of a level were opened."""
        before = self.level(level)
        if shown <= before.hints:
            return
        self._levels[level] = replace(before, hints=shown)
        self._write("INSERT OR REPLACE INTO hint (level, shown) VALUES (?, ?)", level, shown)

    # --- quiz -------------------------------------------------------------------------------

    def question(self, question: str) -> QuizTally:
        """How the player does on a question."""
        return self._questions.get(question) or QuizTally(question, "")

    def questions(self) -> Mapping[str, QuizTally]:
        """All questions ever answered, by id."""
        return self._questions

    def record_quiz(self, answer: QuizAnswer) -> QuizTally:
        """Save an answered question; returns its new tally."""
        before = self.question(answer.question)
        after = QuizTally(
            answer.question,
            answer.topic,
            before.seen + 1,
            before.right + answer.correct,
            answer.correct,
        )
        self._questions[answer.question] = after
        self._write(
            "INSERT INTO quiz_answer (at, question, topic, given, correct) VALUES (?, ?, ?, ?, ?)",
            self._now(),
            answer.question,
            answer.topic,
            json.dumps(answer.given),
            int(answer.correct),
        )
        return after

    def forget_questions(
        self, questions: Collection[str], items: Collection[str], kinds: Sequence[str]
    ) -> tuple[str, ...]:
        """Drop what belongs to questions that are no more; returns the review items dropped.

        `questions` are all ids of the bank, `items` all review items of the given `kinds`
        (prefixes). Answers to generated questions (`family#seed`) stay.
        """
        gone = [name for name in self._questions if "#" not in name and name not in questions]
        for name in gone:
            del self._questions[name]
        if gone:
            self._write_all(
                [("DELETE FROM quiz_answer WHERE question = ?", (name,)) for name in gone]
            )
        return self.review.forget_all_but(items, kinds)

    # --- settings ---------------------------------------------------------------------------

    def get(self, name: str, default: str = "") -> str:
        """A setting or other remembered word."""
        return self._settings.get(name, default)

    def set(self, name: str, value: str) -> None:
        """Change a setting; saved at once."""
        if self._settings.get(name) == value:
            return
        self._settings[name] = value
        self._write("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", name, value)

    # --- drafts -----------------------------------------------------------------------------

    def draft(self, name: str) -> Draft | None:
        """Text of the lab that was left unsaved under a name, if there is any."""
        return self._drafts.get(name)

    def save_draft(self, draft: Draft) -> None:
        """Keep a draft; the one before under its name is replaced in one transaction."""
        if self._drafts.get(draft.name) == draft:
            return
        self._drafts[draft.name] = draft
        # Drafts come every second: while the disk refuses, only the last of each waits.
        self._waiting = [
            (statement, values)
            for statement, values in self._waiting
            if statement != _SAVE_DRAFT or values[0] != draft.name
        ]
        self._write(
            _SAVE_DRAFT,
            draft.name,
            draft.text,
            json.dumps(dict(draft.setup), sort_keys=True),
            self._now(),
        )

    def drop_draft(self, name: str) -> None:
        """Forget a draft: it was saved elsewhere, or is not wanted any more."""
        if self._drafts.pop(name, None) is not None:
            self._write("DELETE FROM draft WHERE name = ?", name)

    # --- the file ---------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many actions are not on the disk yet."""
        return len(self._waiting)

    def _write(self, statement: str, *values: object) -> None:
        self._write_all([(statement, values)])

    def _write_all(self, statements: Sequence[Statement]) -> None:
        """Write statements that belong together: all of them reach the file, or none."""
        if self.path == Path(":memory:"):
            return
        self._waiting.extend(statements)
        self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        if self._connection is None and not self._reopen():
            return
        connection = self._connection
        assert connection is not None
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in self._waiting:
                    connection.execute(statement, values)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self.trouble = Trouble(kind_of(error, self.path), self.path, str(error))
            return
        self._waiting.clear()
        if self._stale:
            # The file could not be read at the start; what it holds is known only now.
            self._stale = False
            self._read(connection)
        if self.trouble is not None and self.trouble.unsaved:
            self.trouble = None

    def _reopen(self) -> bool:
        """Try again to get hold of the file; True when it can be written now."""
        self._connection, trouble = open_or_replace(self.path)
        if trouble is not None:
            self.trouble = trouble
        return self._connection is not None

    def _read(self, connection: sqlite3.Connection) -> None:
        self.review.read(connection)
        self.practice.read(connection)
        self._settings = dict(connection.execute("SELECT name, value FROM setting"))
        for name, text, setup in connection.execute("SELECT name, text, setup FROM draft"):
            self._drafts[name] = Draft(name, text, _answers(setup))
        hints: dict[str, int] = dict(connection.execute("SELECT level, shown FROM hint"))
        rows = connection.execute(
            "SELECT level, COUNT(*), MAX(stars), MAX(passed), answers, MAX(id)"
            " FROM attempt GROUP BY level"
        )
        for level, attempts, stars, passed, answers, _last in rows:
            self._levels[level] = LevelProgress(
                level, attempts, stars, bool(passed), hints.pop(level, 0), _answers(answers)
            )
        for level, shown in hints.items():
            self._levels[level] = LevelProgress(level, hints=shown)
        tallies = connection.execute(
            "SELECT question, topic, COUNT(*), SUM(correct), correct, MAX(id)"
            " FROM quiz_answer GROUP BY question"
        )
        for question, topic, seen, right, last_right, _last in tallies:
            self._questions[question] = QuizTally(question, topic, seen, right, bool(last_right))


def _answers(text: str) -> dict[str, str]:
    """The answers of an attempt; an unreadable record is forgotten, not fatal."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    return {str(slot): str(option) for slot, option in value.items()}
