"""Opening the SQLite file: WAL, integrity, migrations, and setting a bad file aside."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from kmemquest.store.schema import NewerSchema, migrate
from kmemquest.store.trouble import Kind, Trouble, kind_of

BUSY_SECONDS = 0.25
"""How long a write waits for another program before it is called locked: shorter than a player's
patience, since the statement runs on the thread that draws."""


def connect(path: Path) -> sqlite3.Connection:
    """Open (or create) the file, checked and migrated; raises what SQLite or the system raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # Every commit reaches the disk: a kill or a power cut loses at most the last action.
        connection.execute("PRAGMA synchronous = FULL")
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"quick_check: {verdict}")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_or_replace(path: Path) -> tuple[sqlite3.Connection | None, Trouble | None]:
    """The connection to a usable file at `path`, and what was wrong on the way there.

    A corrupt file, or one of a newer program, is moved aside and a new one begun. The connection
    is None when nothing can be written there.
    """
    kind: Kind
    try:
        return connect(path), None
    except NewerSchema as error:
        kind, detail = "newer", str(error)
    except (sqlite3.Error, OSError) as error:
        kind, detail = kind_of(error, path), str(error)
    if kind not in ("corrupt", "newer"):
        return None, Trouble(kind, path, detail)
    try:
        moved_to = move_aside(path, kind)
    except OSError as error:
        return None, Trouble(kind, path, str(error))
    try:
        return connect(path), Trouble(kind, path, detail, moved_to)
    except (NewerSchema, sqlite3.Error, OSError) as error:
        return None, Trouble(kind_of(error, path), path, str(error), moved_to)


def move_aside(path: Path, kind: Kind) -> Path:
    """Rename the file and its journals to `NAME.KIND-N`, N the first free number; N's main file."""
    number = 1
    while (target := path.with_name(f"{path.name}.{kind}-{number}")).exists():
        number += 1
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        journal = path.with_name(path.name + suffix)
        if journal.exists():
            journal.rename(target.with_name(target.name + suffix))
    return target
