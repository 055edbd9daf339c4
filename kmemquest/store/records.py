"""The records of a save file, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Attempt:
    """One finished attempt at a level.

    `answers` maps slot ids to option ids (or typed text). `stars` is 0 to 3. `prediction` is the
    choice made before the run, `foretold` whether the run bore it out; both None when skipped.
    """

    level: str
    answers: Mapping[str, str]
    passed: bool
    stars: int
    failed_goals: tuple[str, ...] = ()
    prediction: str | None = None
    foretold: bool | None = None


@dataclass(frozen=True, slots=True)
class LevelProgress:
    """What is known of a player and one level."""

    level: str
    attempts: int = 0
    best_stars: int = 0
    passed: bool = False
    hints: int = 0
    last_answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuizAnswer:
    """One answered question: `given` are the option ids or the typed text."""

    question: str
    topic: str
    given: tuple[str, ...]
    correct: bool


@dataclass(frozen=True, slots=True)
class QuizTally:
    """How a player does on one question: times seen, times right, and whether the last was."""

    question: str
    topic: str
    seen: int = 0
    right: int = 0
    last_right: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """Text of the driver lab that is not in a file yet.

    `name` tells what it belongs to (a file, a level's answer, nothing); `setup` holds what goes
    with it (machine, checkers, script) as words of the lab's own.
    """

    name: str
    text: str
    setup: Mapping[str, str] = field(default_factory=dict)
