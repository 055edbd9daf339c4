"""Training and tests in the save file: read once, kept in memory, each change written at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from kmemquest.store.practice_records import TrainingRun, WorldTest
from kmemquest.store.review_shelf import Statement

TABLES: Final = (
    """CREATE TABLE world_test (
        world TEXT PRIMARY KEY,
        sitting INTEGER NOT NULL,
        seed INTEGER NOT NULL,
        levels TEXT NOT NULL,
        done TEXT NOT NULL,
        mistakes INTEGER NOT NULL,
        state TEXT NOT NULL,
        passed_then INTEGER NOT NULL,
        at REAL NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE training_run (
        number INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        level TEXT NOT NULL,
        seed INTEGER NOT NULL,
        passed INTEGER NOT NULL,
        stars INTEGER NOT NULL
    )""",
    "CREATE INDEX training_run_by_level ON training_run (level, number)",
)
"""The migration that brings training into a save file; released, so it never changes."""


class PracticeShelf:
    """World tests and training runs. `write` takes statements that belong together."""

    def __init__(
        self, write: Callable[[Sequence[Statement]], None], now: Callable[[], float]
    ) -> None:
        self._write = write
        self._now = now
        self._tests: dict[str, WorldTest] = {}
        self._last: dict[str, TrainingRun] = {}
        self._counts: dict[str, int] = {}
        self._newest = ""

    # --- tests ------------------------------------------------------------------------------

    def test(self, world: str) -> WorldTest | None:
        """The latest sitting of a world's test, by the world's folder."""
        return self._tests.get(world)

    @property
    def tested_out(self) -> frozenset[str]:
        """The folders of the worlds whose test was passed."""
        return frozenset(w for w, test in self._tests.items() if test.state == "passed")

    def save_test(self, test: WorldTest) -> None:
        """Save a sitting as it is now; it takes the place of the one before."""
        self._tests[test.world] = test
        self._write(
            [
                (
                    "INSERT OR REPLACE INTO world_test (world, sitting, seed, levels, done,"
                    " mistakes, state, passed_then, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        test.world,
                        test.sitting,
                        test.seed,
                        json.dumps(test.levels),
                        json.dumps(test.done),
                        test.mistakes,
                        test.state,
                        test.passed_then,
                        self._now(),
                    ),
                )
            ]
        )

    def forget_test(self, world: str) -> None:
        """Take a world's test back: as if it had never been sat."""
        if self._tests.pop(world, None) is not None:
            self._write([("DELETE FROM world_test WHERE world = ?", (world,))])

    # --- training ---------------------------------------------------------------------------

    def trained(self, level: str) -> TrainingRun | None:
        """The latest training run of a level."""
        return self._last.get(level)

    def times_trained(self, level: str) -> int:
        """How many training runs a level has had."""
        return self._counts.get(level, 0)

    @property
    def runs(self) -> int:
        """How many training runs there were."""
        return sum(self._counts.values())

    @property
    def newest(self) -> str:
        """The level of the latest training run; empty when there was none."""
        return self._newest

    def record_run(self, run: TrainingRun) -> None:
        """Save a finished training run."""
        self._count(run, 1)
        self._write(
            [
                (
                    "INSERT INTO training_run (at, level, seed, passed, stars)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (self._now(), run.level, run.seed, int(run.passed), run.stars),
                )
            ]
        )

    def _count(self, run: TrainingRun, times: int) -> None:
        self._last[run.level] = run
        self._counts[run.level] = self._counts.get(run.level, 0) + times
        self._newest = run.level

    # --- the file ---------------------------------------------------------------------------

    def read(self, connection: sqlite3.Connection) -> None:
        """Read everything; what cannot be understood is forgotten, not fatal."""
        rows: Mapping[str, WorldTest] = {
            row[0]: WorldTest(row[0], row[1], row[2], _names(row[3]), _names(row[4]), *row[5:])
            for row in connection.execute(
                "SELECT world, sitting, seed, levels, done, mistakes, state, passed_then"
                " FROM world_test"
            )
        }
        self._tests.update(rows)
        for level, seed, passed, stars, count, _last in connection.execute(
            "SELECT level, seed, passed, stars, COUNT(*), MAX(number) AS last"
            " FROM training_run GROUP BY level ORDER BY last"
        ):
            self._count(TrainingRun(level, seed, bool(passed), stars), count)


def _names(text: str) -> tuple[str, ...]:
    try:
        value = json.loads(text)
    except ValueError:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else ()
