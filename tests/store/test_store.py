"""The save: what is written comes back; whatever the disk does, the game goes on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kmemquest.store import Attempt, QuizAnswer, Store, save_path
from kmemquest.store.schema import MIGRATIONS, VERSION
from kmemquest.store.trouble import kind_of

ATTEMPT = Attempt("rx", {"alloc": "atomic"}, True, 2, (), "hardirq", True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "save.sqlite3"


def test_what_is_written_comes_back(path: Path) -> None:
    store = Store.open(path)
    store.record_attempt(Attempt("rx", {"alloc": "kernel"}, False, 0, ("no-sleep",)))
    store.record_attempt(ATTEMPT)
    store.record_attempt(Attempt("rx", {"alloc": "page"}, True, 1))
    store.record_hint("rx", 2)
    store.record_hint("rx", 1)
    store.record_quiz(QuizAnswer("q1", "gfp", ("a",), False))
    store.record_quiz(QuizAnswer("q1", "gfp", ("b",), True))
    store.set("theme", "okabe-ito")
    store.opened_level("rx")
    before = (dict(store.levels()), dict(store.questions()))
    again = Store.open(path)
    assert (dict(again.levels()), dict(again.questions())) == before
    level = again.level("rx")
    assert (level.attempts, level.best_stars, level.passed, level.hints) == (3, 2, True, 2)
    assert level.last_answers == {"alloc": "page"}
    tally = again.question("q1")
    assert (tally.seen, tally.right, tally.last_right) == (2, 1, True)
    assert again.get("theme") == "okabe-ito"
    assert again.last_level() == "rx"
    assert again.trouble is None


def test_the_file_is_wal_with_the_newest_schema(path: Path) -> None:
    Store.open(path).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION


def test_an_old_schema_is_migrated_without_loss(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    for statement in MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute(
        "INSERT INTO attempt (at, level, answers, passed, stars, failed_goals)"
        " VALUES (0, 'rx', '{\"alloc\": \"atomic\"}', 1, 3, '[]')"
    )
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    store = Store.open(path)
    assert store.level("rx").best_stars == 3
    store.record_hint("rx", 1)
    assert Store.open(path).level("rx").hints == 1


@pytest.mark.parametrize(
    "garbage", [b"not a database at all" * 300, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_corrupt_file_is_set_aside_and_a_new_one_begun(path: Path, garbage: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(garbage)
    store = Store.open(path)
    assert store.trouble is not None
    assert store.trouble.kind == "corrupt"
    assert store.trouble.moved_to is not None
    assert store.trouble.moved_to.read_bytes() == garbage
    assert not store.trouble.unsaved
    store.record_attempt(ATTEMPT)
    assert Store.open(path).level("rx").best_stars == 2


def test_a_page_damaged_in_the_middle_is_noticed(path: Path) -> None:
    store = Store.open(path)
    for number in range(400):
        store.set(f"name-{number}", "x" * 100)
    store.close()
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = b"\x5a" * 4096
    path.write_bytes(data)
    damaged = Store.open(path)
    assert damaged.trouble is not None
    assert damaged.trouble.kind == "corrupt"
    damaged.record_attempt(ATTEMPT)
    assert damaged.level("rx").best_stars == 2


def test_a_file_of_a_newer_program_is_kept(path: Path) -> None:
    Store.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 5}")
    store = Store.open(path)
    assert store.trouble is not None
    assert store.trouble.kind == "newer"
    kept = store.trouble.moved_to
    assert kept is not None
    with sqlite3.connect(kept) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION + 5


def test_a_locked_file_loses_nothing(path: Path) -> None:
    store = Store.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.record_attempt(ATTEMPT)
    assert store.trouble is not None
    assert store.trouble.kind == "locked"
    assert store.waiting == 1
    assert store.level("rx").passed
    other.execute("ROLLBACK")
    store.set("theme", "calm-light")
    assert store.trouble is None
    assert store.waiting == 0
    assert Store.open(path).level("rx").best_stars == 2


def test_a_file_locked_at_the_start_is_read_when_it_is_free(path: Path) -> None:
    first = Store.open(path)
    first.record_attempt(ATTEMPT)
    first.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("UPDATE attempt SET at = 1")
    store = Store.open(path)
    assert store.trouble is not None
    store.set("theme", "calm-light")
    other.execute("COMMIT")
    other.close()
    store.set("motion", "none")
    assert store.trouble is None
    assert store.level("rx").best_stars == 2
    assert Store.open(path).get("theme") == "calm-light"


def test_a_read_only_database_keeps_playing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(path).close()
    from kmemquest.store import database

    def read_only(where: Path) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{where}?mode=ro", uri=True, isolation_level=None)

    monkeypatch.setattr(database, "connect", read_only)
    store = Store.open(path)
    store.record_attempt(ATTEMPT)
    assert store.trouble is not None
    assert store.trouble.kind == "read-only"
    assert store.level("rx").passed


def test_a_full_disk_keeps_playing_and_saves_later(path: Path) -> None:
    store = Store.open(path)
    connection = store._connection
    assert connection is not None
    connection.execute("PRAGMA max_page_count = 1")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    store.set("big", "x" * 200_000)
    assert store.trouble is not None
    assert store.trouble.kind == "full"
    assert store.get("big")
    connection.execute("PRAGMA max_page_count = 100000")
    store.set("small", "y")
    assert store.trouble is None
    assert len(Store.open(path).get("big")) == 200_000


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX path")
def test_a_path_that_cannot_exist_keeps_playing() -> None:
    store = Store.open(Path("/dev/null/save.sqlite3"))
    store.record_attempt(ATTEMPT)
    assert store.trouble is not None
    assert store.trouble.unsaved
    assert store.level("rx").passed


def test_no_space_is_called_full() -> None:
    assert kind_of(OSError(28, os.strerror(28)), Path("/nowhere/x")) == "full"
    assert kind_of(PermissionError(13, "no"), Path("/nowhere/x")) == "read-only"


def test_killed_in_the_middle_nothing_recorded_is_lost(path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from kmemquest.store import Attempt, Store\n"
        "store = Store.open(Path(sys.argv[1]))\n"
        "for number in range(20):\n"
        "    store.record_attempt(Attempt('rx', {}, True, 1))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert Store.open(path).level("rx").attempts == 20


def test_home_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMEMQUEST_HOME", str(tmp_path / "lab"))
    assert save_path() == tmp_path / "lab" / "save.sqlite3"
