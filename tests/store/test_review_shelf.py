"""Review in the save file: migrated, kept through locks, never half a grade."""

import sqlite3
from pathlib import Path

from kmemquest.store import ExamResult, ReviewCard, ReviewGrade, Store
from kmemquest.store.schema import MIGRATIONS, VERSION

CARD = ReviewCard("q:a", "slab", 2, '{"x": 1}')
GRADE = ReviewGrade(12.5, "q:a", "slab", 0.5, 2, ("belief",), ("belief", "other"), "", 0.9)


def test_everything_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    store = Store.open(path)
    store.review.graded(CARD, GRADE)
    store.review.record_exam(ExamResult(1.0, "first-job", 3, 0.75, "{}"))
    again = Store.open(path).review
    assert again.cards == {"q:a": CARD}
    assert list(again.grades) == [GRADE]
    assert list(again.exams) == [ExamResult(1.0, "first-job", 3, 0.75, "{}")]


def test_a_save_of_before_gets_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    connection = sqlite3.connect(path)
    for version in (0, 1):
        for statement in MIGRATIONS[version]:
            connection.execute(statement)
    connection.execute("INSERT INTO setting VALUES ('theme', 'nord')")
    connection.execute("PRAGMA user_version = 2")
    connection.commit()
    connection.close()
    store = Store.open(path)
    assert store.trouble is None
    assert store.get("theme") == "nord"
    store.review.graded(CARD, GRADE)
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
        assert connection.execute("SELECT COUNT(*) FROM review_grade").fetchone()[0] == 1


def test_a_locked_file_gets_the_grade_later(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    store = Store.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.review.graded(CARD, GRADE)
    assert store.trouble is not None
    assert store.waiting == 2
    assert list(store.review.grades) == [GRADE]
    other.execute("ROLLBACK")
    other.close()
    store.set("any", "thing")
    assert store.waiting == 0
    assert list(Store.open(path).review.grades) == [GRADE]


def test_two_programs_grade_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    one, two = Store.open(path), Store.open(path)
    one.review.graded(CARD, GRADE)
    two.review.graded(ReviewCard("q:b", "slab"), ReviewGrade(13.0, "q:b", "slab", 1.0, 3))
    assert one.review.undo() == GRADE
    left = Store.open(path).review
    assert [grade.item for grade in left.grades] == ["q:b"]
    assert left.cards["q:a"].card == ""


def test_unreadable_lists_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    store = Store.open(path)
    store.review.graded(CARD, GRADE)
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE review_grade SET beliefs = 'x', offered = '3'")
    (grade,) = Store.open(path).review.grades
    assert (grade.beliefs, grade.offered) == ((), ())
