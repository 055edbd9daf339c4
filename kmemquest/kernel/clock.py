"""Simulated time: a cost model in nanoseconds, never a real clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """Nanoseconds since boot; every act of the kernel adds what it costs."""

    now: int = 0

    def advance(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.now += nanoseconds
