"""The schema of the save file, one migration per version (`PRAGMA user_version`)."""

from __future__ import annotations

import sqlite3

from kmemquest.store import practice_shelf, review_shelf

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE attempt (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            level TEXT NOT NULL,
            answers TEXT NOT NULL,
            passed INTEGER NOT NULL,
            stars INTEGER NOT NULL,
            failed_goals TEXT NOT NULL,
            prediction TEXT,
            foretold INTEGER
        )""",
        "CREATE INDEX attempt_by_level ON attempt (level, id)",
        """CREATE TABLE quiz_answer (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            question TEXT NOT NULL,
            topic TEXT NOT NULL,
            given TEXT NOT NULL,
            correct INTEGER NOT NULL
        )""",
        "CREATE INDEX quiz_answer_by_question ON quiz_answer (question, id)",
        "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    ),
    ("CREATE TABLE hint (level TEXT PRIMARY KEY, shown INTEGER NOT NULL) WITHOUT ROWID",),
    (
        """CREATE TABLE draft (
            name TEXT PRIMARY KEY,
            text TEXT NOT NULL,
            setup TEXT NOT NULL,
            at REAL NOT NULL
        ) WITHOUT ROWID""",
    ),
    review_shelf.TABLES,
    practice_shelf.TABLES,
)
"""Append only: a released migration never changes."""

VERSION = len(MIGRATIONS)


class NewerSchema(Exception):
    """The file was written by a newer KMemQuest; this one would damage it."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a save file to this version's schema; each migration is one transaction."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise NewerSchema(f"schema version {version}, this program knows {VERSION}")
    for number in range(version, VERSION):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Two programs may start at once: whoever comes second finds the work done.
            if connection.execute("PRAGMA user_version").fetchone()[0] == number:
                for statement in MIGRATIONS[number]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
