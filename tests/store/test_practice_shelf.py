"""Tests and training survive the end of the game; an older save is brought up to date."""

import sqlite3
from pathlib import Path

from kmemquest.store import Store, TrainingRun, WorldTest
from kmemquest.store.schema import MIGRATIONS

TEST = WorldTest("02-context", 2, 7, ("a", "b"), ("a",), 1)


def test_a_sitting_is_there_after_a_restart_and_can_be_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    store = Store.open(path)
    store.practice.save_test(TEST)
    store.close()
    again = Store.open(path)
    assert again.practice.test("02-context") == TEST
    assert TEST.current == "b"
    assert again.practice.tested_out == frozenset()
    passed = WorldTest("02-context", 2, 7, ("a", "b"), ("a", "b"), 1, "passed")
    again.practice.save_test(passed)
    again.close()
    third = Store.open(path)
    assert third.practice.tested_out == {"02-context"}
    third.practice.forget_test("02-context")
    third.close()
    assert Store.open(path).practice.test("02-context") is None


def test_training_runs_are_counted_and_the_latest_is_known(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    store = Store.open(path)
    store.practice.record_run(TrainingRun("ring", 1, False, 0))
    store.practice.record_run(TrainingRun("disk", 2, True, 1))
    store.practice.record_run(TrainingRun("ring", 3, True, 2))
    store.close()
    again = Store.open(path).practice
    assert again.trained("ring") == TrainingRun("ring", 3, True, 2)
    assert again.times_trained("ring") == 2
    assert again.runs == 3
    assert again.newest == "ring"


def test_a_save_from_before_training_opens(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    with sqlite3.connect(path) as old:
        for number, statements in enumerate(MIGRATIONS[:4], 1):
            for statement in statements:
                old.execute(statement)
            old.execute(f"PRAGMA user_version = {number}")
    store = Store.open(path)
    assert store.trouble is None
    store.practice.record_run(TrainingRun("ring", 1, True, 3))
    assert store.waiting == 0


def test_an_unreadable_sitting_is_forgotten_not_fatal(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    store = Store.open(path)
    store.practice.save_test(TEST)
    store.close()
    with sqlite3.connect(path) as file:
        file.execute("UPDATE world_test SET levels = '{broken', done = '7'")
    found = Store.open(path).practice.test("02-context")
    assert found is not None
    assert (found.levels, found.done, found.current) == ((), (), "")
