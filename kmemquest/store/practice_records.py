"""What the save file knows of training and of tests, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TestState = Literal["open", "passed", "failed"]


@dataclass(frozen=True, slots=True)
class WorldTest:
    """A player's latest sitting of the test of one world.

    `sitting` counts from 1; `levels` are asked in this order, `done` are those passed.
    `passed_then` is how many levels of the world were passed when the sitting failed.
    """

    world: str
    sitting: int
    seed: int
    levels: tuple[str, ...]
    done: tuple[str, ...] = ()
    mistakes: int = 0
    state: TestState = "open"
    passed_then: int = 0

    @property
    def current(self) -> str:
        """The level that is asked now; empty when none is left."""
        return next((level for level in self.levels if level not in self.done), "")


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One finished run in training; `seed` is that of the draw. `stars` is 0 to 3."""

    level: str
    seed: int
    passed: bool
    stars: int
