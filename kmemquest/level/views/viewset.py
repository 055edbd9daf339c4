"""All views of a recording at a step, each worked out only when it is looked at."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from typing import Any, TypeVar

from kmemquest.kernel.events import LogLine
from kmemquest.level.recording import Recording
from kmemquest.level.views.fold import Fold, Keyframed
from kmemquest.level.views.frame_map import FrameMapFold, FrameMapView
from kmemquest.level.views.free_lists import FreeListFold, FreeListView, ZoneFold, ZoneView
from kmemquest.level.views.happenings import CallFold, CallView, LogView
from kmemquest.level.views.mappings import (
    DmaFold,
    DmaView,
    MemblockFold,
    MemblockView,
    VmallocFold,
    VmallocView,
)
from kmemquest.level.views.slabs import SlabFold, SlabView

V = TypeVar("V")


class ViewSet:
    """The views of one recording; keep it as long as the recording is looked at."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._folds: dict[str, Keyframed[Any]] = {}
        self._log_positions = [
            index for index, event in enumerate(recording.events) if isinstance(event, LogLine)
        ]

    def at(self, step: int) -> StepViews:
        """Return the views after a step has run; -1 is before the first."""
        steps = self.recording.steps
        if step < 0 or not steps:
            first = last = 0
            if steps:
                last = steps[0].first_event
        else:
            chosen = steps[min(step, len(steps) - 1)]
            first, last = chosen.first_event, chosen.last_event
        return StepViews(self, first, last)

    def at_end(self) -> StepViews:
        """Return the views of the end of the recording."""
        total = len(self.recording.events)
        return StepViews(self, total, total)

    def fold(self, fold: type[Fold[V]], first: int, last: int) -> V:
        """Fold to a stretch of events, keeping keyframes."""
        name = fold.__name__
        if name not in self._folds:
            self._folds[name] = Keyframed(fold(), self.recording)
        found: V = self._folds[name].at(first, last)
        return found

    def log(self, first: int, last: int) -> LogView:
        """Return the log up to an event."""
        end = bisect_left(self._log_positions, last)
        new = end - bisect_left(self._log_positions, first)
        return LogView(self.recording.log[:end], new)


class StepViews:
    """What the panes show at one step."""

    def __init__(self, views: ViewSet, first: int, last: int) -> None:
        self._views = views
        self.first_event = first
        self.last_event = last

    @cached_property
    def frames(self) -> FrameMapView:
        """The page frames."""
        return self._views.fold(FrameMapFold, self.first_event, self.last_event)

    @cached_property
    def lists(self) -> FreeListView:
        """The free lists."""
        return self._views.fold(FreeListFold, self.first_event, self.last_event)

    @cached_property
    def zones(self) -> ZoneView:
        """The zones and their watermarks."""
        return self._views.fold(ZoneFold, self.first_event, self.last_event)

    @cached_property
    def slabs(self) -> SlabView:
        """The caches and slabs."""
        return self._views.fold(SlabFold, self.first_event, self.last_event)

    @cached_property
    def vmalloc(self) -> VmallocView:
        """The vmalloc window."""
        return self._views.fold(VmallocFold, self.first_event, self.last_event)

    @cached_property
    def dma(self) -> DmaView:
        """Devices and mappings."""
        return self._views.fold(DmaFold, self.first_event, self.last_event)

    @cached_property
    def memblock(self) -> MemblockView:
        """Memblock's lists."""
        return self._views.fold(MemblockFold, self.first_event, self.last_event)

    @cached_property
    def calls(self) -> CallView:
        """The calls made."""
        return self._views.fold(CallFold, self.first_event, self.last_event)

    @cached_property
    def log(self) -> LogView:
        """The kernel log."""
        return self._views.log(self.first_event, self.last_event)
