"""Replay of recordings of real kernels through the simulator's own code.

A recording is given as an iterable of text lines; opening and unpacking files is the caller's
business. Whatever the recording shows is compared; the first difference is kept with what
surrounds it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

UNFOLLOWED = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
)
"""What a replay raises on lines that no recording has: cut ones, say, or damaged ones."""

LONGEST_ERROR = 200
CONTEXT_LINES = 3
"""How many comparisons before the first mismatch are kept with it."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first place where the simulator and the recording differ.

    `line` counts the recording's lines from 1; `around` are the last comparisons before it.
    """

    operation: str
    expected: str
    got: str
    around: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class ConformResult:
    """How many comparisons held, of how many, and where the first one failed."""

    matched: int
    total: int
    first_mismatch: Mismatch | None = None
    notes: tuple[str, ...] = ()
    """What of the recording was not compared, and why."""

    @property
    def ok(self) -> bool:
        """True when everything matched and there was something to compare."""
        return self.total > 0 and self.matched == self.total


Operation = str | tuple[object, ...] | list[object]
"""What was compared: words, a line of the recording, or a tuple of both; rendered when needed."""


class Tally:
    """Collects comparisons into a `ConformResult`."""

    __slots__ = ("_recent", "first", "line", "matched", "notes", "total")

    def __init__(self) -> None:
        self.matched = 0
        self.total = 0
        self.line = 0
        """The recording's present line, from 1; the replay keeps it current."""
        self.notes: list[str] = []
        """What cannot be compared, and why."""
        self.first: Mismatch | None = None
        self._recent: deque[tuple[Operation, object]] = deque(maxlen=CONTEXT_LINES)

    def compare(self, operation: Operation, expected: object, got: object) -> bool:
        """Note one comparison; tell whether it held."""
        self.total += 1
        if expected == got:
            self.matched += 1
            self._recent.append((operation, got))
            return True
        if self.first is None:
            around = tuple(f"{in_words(before)} -> {result}" for before, result in self._recent)
            self.first = Mismatch(in_words(operation), str(expected), str(got), around, self.line)
        return False

    def break_off(self, error: Exception) -> None:
        """Note that the recording cannot be followed any further; that counts as a mismatch."""
        told = f"{type(error).__name__}: {error}"
        self.compare("reading the recording", "a line that can be followed", told[:LONGEST_ERROR])
        self.notes.append(f"not replayed: what follows line {self.line}, which cannot be followed")

    def result(self) -> ConformResult:
        """Return what was found so far."""
        return ConformResult(self.matched, self.total, self.first, tuple(self.notes))


class Recording:
    """The lines of a recording on their way into a replay, and the tally that belongs to them."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.tally = Tally()

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._lines, 1):
            self.tally.line = number
            yield line


def tally_of(lines: Iterable[str]) -> Tally:
    """Return the tally that comes with the lines, or a new one."""
    return lines.tally if isinstance(lines, Recording) else Tally()


def in_words(operation: object) -> str:
    """Render an operation: a line of the recording as its first four fields, in JSON."""
    if isinstance(operation, tuple):
        return " ".join(map(in_words, operation))
    return json.dumps(operation[:4]) if isinstance(operation, list) else str(operation)
