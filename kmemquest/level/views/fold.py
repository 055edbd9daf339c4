"""Folding events onto a picture, with keyframes so that any step is near.

A fold is a small mutable machine: `start` from a picture, `apply` events, `view` gives an
immutable answer. `Keyframed` keeps copies on the way; going back restarts from the nearest one.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from typing import Final, Generic, TypeVar

from kmemquest.kernel.events import Event
from kmemquest.level.picture import Picture
from kmemquest.level.recording import Recording

V = TypeVar("V")

KEYFRAME_EVENTS: Final = 1024
"""Events between keyframes of a light fold: some 2 ms of folding."""
KEYFRAME_BYTES: Final = 16 << 20
"""Memory that one view's keyframes may take together."""


class Fold(Generic[V]):
    """Base of all folds."""

    topics: frozenset[str] = frozenset()
    """Topics that the fold looks at; events of others are skipped."""

    def start(self, picture: Picture) -> None:
        """Begin with a machine's picture."""
        raise NotImplementedError

    def apply(self, event: Event) -> None:
        """Take one event."""
        raise NotImplementedError

    def forget_changes(self) -> None:
        """What changes from now on counts as new."""

    def view(self) -> V:
        """Return the present state; immutable."""
        raise NotImplementedError

    def clone(self) -> Fold[V]:
        """Return an independent copy."""
        return copy.deepcopy(self)

    def weight(self) -> int:
        """Return about how many bytes a copy takes."""
        return 4096


class Keyframed(Generic[V]):
    """A fold over one recording that can be asked for any stretch of events."""

    def __init__(self, fold: Fold[V], recording: Recording) -> None:
        self._recording = recording
        self._rebases = dict(recording.rebases)
        fold.start(recording.picture)
        total = len(recording.events)
        affordable = max(2, KEYFRAME_BYTES // max(fold.weight(), 1))
        self._interval = max(KEYFRAME_EVENTS, -(-total // affordable))
        self._positions: list[int] = [0]
        self._frames: list[Fold[V]] = [fold.clone()]
        self._fold = fold
        self._position = 0

    def at(self, first: int, last: int) -> V:
        """Return the state after event `last` - 1; events from `first` on count as changes."""
        self._seek(first)
        self._fold.forget_changes()
        self._run_to(last)
        return self._fold.view()

    def _seek(self, position: int) -> None:
        if not self._position <= position < self._position + self._interval:
            index = bisect_right(self._positions, position) - 1
            nearest = self._positions[index]
            if position < self._position or nearest > self._position:
                self._fold = self._frames[index].clone()
                self._position = nearest
        self._run_to(position)

    def _run_to(self, position: int) -> None:
        events, fold, topics = self._recording.events, self._fold, self._fold.topics
        rebases, interval = self._rebases, self._interval
        for index in range(self._position, position):
            if index in rebases:
                fold.start(rebases[index])
            if index % interval == 0 and index > self._positions[-1]:
                self._positions.append(index)
                self._frames.append(fold.clone())
            event = events[index]
            if event.topic in topics:
                fold.apply(event)
        if position == len(events) and position in rebases and self._position < position:
            fold.start(rebases[position])
        self._position = max(self._position, position)


def fold_to_end(fold: Fold[V], recording: Recording) -> V:
    """Fold a whole recording once."""
    return Keyframed(fold, recording).at(0, len(recording.events))
