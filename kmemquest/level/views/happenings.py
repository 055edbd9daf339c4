"""Calls made and lines logged so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kmemquest.kernel import events as ev
from kmemquest.kernel.log import format_line
from kmemquest.level.picture import Picture
from kmemquest.level.views.fold import Fold

MAX_CALLS: Final = 64
"""Most calls that a view shows; the newest are kept."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call: raw arguments; `result` is None while it runs; `cost` in ns."""

    function: str
    arguments: tuple[int, ...]
    result: int | None
    cost: int
    line: int
    changed: bool


@dataclass(frozen=True, slots=True)
class CallView:
    """The newest calls, oldest first, and how many there were in all."""

    calls: tuple[CallRow, ...]
    total: int


class CallFold(Fold[CallView]):
    """Pairs calls with their results."""

    topics = frozenset(("call",))

    def __init__(self) -> None:
        self._done: tuple[CallRow, ...] = ()
        self._open: tuple[CallRow, ...] = ()
        self._total = 0
        self._changed = 0

    def start(self, picture: Picture) -> None:
        del picture

    def clone(self) -> CallFold:
        twin = CallFold()
        twin._done, twin._open, twin._total = self._done, self._open, self._total
        return twin

    def weight(self) -> int:
        return 16_000

    def forget_changes(self) -> None:
        self._changed = 0

    def apply(self, event: ev.Event) -> None:
        if isinstance(event, ev.CallMade):
            line = event.site.line if event.site else 0
            row = CallRow(event.function, event.arguments, None, 0, line, changed=True)
            self._open = (*self._open, row)
            self._total += 1
        elif isinstance(event, ev.CallReturned) and self._open:
            made = self._open[-1]
            self._open = self._open[:-1]
            row = CallRow(
                made.function, made.arguments, event.result, event.cost, made.line, changed=True
            )
            self._done = (*self._done[-MAX_CALLS + 1 :], row)
            self._changed += 1

    def view(self) -> CallView:
        settled = max(0, len(self._done) - self._changed)
        rows = [
            CallRow(c.function, c.arguments, c.result, c.cost, c.line, changed=index >= settled)
            for index, c in enumerate(self._done)
        ]
        return CallView((*rows, *self._open), self._total)


@dataclass(frozen=True, slots=True)
class LogView:
    """The kernel log so far; the last `new` lines are of this step."""

    lines: tuple[ev.LogLine, ...]
    new: int

    def rendered(self, last: int | None = None) -> tuple[str, ...]:
        """Return the (last) lines as dmesg prints them."""
        lines = self.lines if last is None else self.lines[-last:]
        return tuple(format_line(line) for line in lines)
