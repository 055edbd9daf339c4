"""What the save file knows of review: one card per thing to remember, and every grade given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReviewCard:
    """Something to remember. `card` is the scheduler's own JSON, empty while it is new.

    `item` is `q:<question>`, `g:<generator family>` or `p:<level>` (its prediction).
    """

    item: str
    topic: str
    revision: int = 1
    card: str = ""
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class ReviewGrade:
    """One grade. `at` is seconds since 1970; `rating` 1 again … 4 easy, 0 outside the schedule.

    `beliefs` are misconceptions that the answer showed, `offered` those that the question tempts
    with. `before` is the card's JSON before the grade, for undoing.
    """

    at: float
    item: str
    topic: str
    score: float
    rating: int
    beliefs: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    before: str = ""
    recall: float = -1.0
    """How likely the scheduler held the right answer to be, 0 to 1; -1 for a new card."""


@dataclass(frozen=True, slots=True)
class ExamResult:
    """A finished mock interview. `report` is its JSON, `score` 0 to 1, `at` seconds since 1970."""

    at: float
    blueprint: str
    seed: int
    score: float
    report: str
