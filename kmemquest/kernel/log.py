"""The kernel log: a ring of lines with times and levels (`kernel/printk/printk.c`)."""

from __future__ import annotations

from collections import deque
from typing import Final

from kmemquest.kernel.clock import Clock
from kmemquest.kernel.events import EventStream, LogLine

KERN_EMERG: Final = 0
KERN_ALERT: Final = 1
KERN_CRIT: Final = 2
KERN_ERR: Final = 3
KERN_WARNING: Final = 4
KERN_NOTICE: Final = 5
KERN_INFO: Final = 6
KERN_DEBUG: Final = 7

MAX_LINES: Final = 20_000
MAX_LINE_LENGTH: Final = 1024
"""Longer text is cut, as the kernel cuts at PRINTK_MESSAGE_MAX."""

LINE_COST: Final = 2_000
"""Nanoseconds a log line takes (a console-less printk)."""


class KernelLog:
    """The ring; the oldest lines fall out when MAX_LINES is reached."""

    __slots__ = ("_clock", "_events", "dropped", "lines")

    def __init__(self, clock: Clock, events: EventStream) -> None:
        self._clock = clock
        self._events = events
        self.lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self.dropped = 0

    def print(self, text: str, level: int = KERN_WARNING) -> None:
        """Add `text`, one entry per line of it."""
        for part in text.split("\n"):
            self._clock.advance(LINE_COST)
            line = LogLine(self._clock.now, level, part[:MAX_LINE_LENGTH])
            if len(self.lines) == MAX_LINES:
                self.dropped += 1
            self.lines.append(line)
            if self._events.active:
                self._events.emit(line)


def format_line(line: LogLine) -> str:
    """Render a line as dmesg shows it: `[    2.104233] text`."""
    seconds, rest = divmod(line.time, 1_000_000_000)
    return f"[{seconds:5d}.{rest // 1000:06d}] {line.text}"
