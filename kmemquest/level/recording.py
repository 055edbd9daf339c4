"""A recording: everything that happened in one attempt, ready to be stepped through.

Nothing here refers to a machine: views, goals and probes are folds over the initial picture and
the events, so that any step can be shown at once, forwards and backwards.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from kmemquest.driver.diagnostics import Diagnostic
from kmemquest.i18n import ngettext
from kmemquest.kernel.events import Event, LogLine, Report
from kmemquest.kernel.spec import MachineSpec
from kmemquest.level.picture import Picture
from kmemquest.level.source import DriverSource

if TYPE_CHECKING:
    from kmemquest.driver.fault_sweep import FaultSweep


@dataclass(frozen=True, slots=True)
class StepLocal:
    """A local variable as the player sees it before the statement runs."""

    name: str
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One statement about to run; its events are `events[first_event:last_event]`."""

    index: int
    file: str
    line: int
    function: str
    depth: int
    context_kind: str
    irq: int | None
    locks: tuple[str, ...]
    stack: tuple[str, ...]
    first_event: int
    last_event: int
    locals: tuple[StepLocal, ...] = ()
    time: int = 0
    irqs_off: bool = False


@dataclass(frozen=True, slots=True)
class ScriptMark:
    """A step of the script: its words, where its events begin, and what the driver returned."""

    name: str
    first_event: int
    last_event: int
    result: int | None
    data: bytes = b""
    """What a read left in the user's buffer, or what a device read."""
    note: str = ""
    missed: bool = False
    """It met nothing of the driver, or was impossible; the note says what."""


@dataclass(frozen=True)
class Recording:
    """One attempt; times are nanoseconds since boot."""

    level: str
    answers: tuple[tuple[str, str], ...]
    spec: MachineSpec
    source: DriverSource
    picture: Picture
    events: tuple[Event, ...] = ()
    steps: tuple[Step, ...] = ()
    outcome: str = "ran"
    """One of `driver/outcomes.py:OUTCOMES`."""
    script: tuple[ScriptMark, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    notes: tuple[str, ...] = ()
    """Details of the limit that ended the run, in English, if one did."""
    watched: tuple[tuple[str, int], ...] = ()
    """Globals that goals name, with their value at the end (before rmmod takes them away)."""
    dropped_steps: int = 0
    prediction: str | None = None
    rebases: tuple[tuple[int, Picture], ...] = ()
    """Pictures taken on the way (after the handover of early boot), by event index."""
    faults: FaultSweep | None = None
    """What came of failing each allocation in turn, where a goal asks for it."""
    picture_after: Picture | None = field(default=None, compare=False)
    proc: tuple[tuple[str, str], ...] = ()
    """Files of /proc as they were when the script had ended: name -> text."""
    truths: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Diagnose slot -> the answers that the incident proves right."""

    @cached_property
    def log(self) -> tuple[LogLine, ...]:
        """The kernel log of the attempt."""
        return tuple(event for event in self.events if isinstance(event, LogLine))

    @cached_property
    def reports(self) -> tuple[Report, ...]:
        """All reports, the unspoken ones of a production kernel too."""
        return tuple(event for event in self.events if isinstance(event, Report))

    @cached_property
    def _starts(self) -> list[int]:
        return [step.first_event for step in self.steps]

    def step_at(self, event: int) -> Step | None:
        """Return the step during which an event happened; None before the first statement."""
        index = bisect_right(self._starts, event) - 1
        return self.steps[index] if index >= 0 else None

    def events_of(self, step: int) -> tuple[Event, ...]:
        """Return the events of a step."""
        if not self.steps:
            return ()
        chosen = self.steps[step]
        return self.events[chosen.first_event : chosen.last_event]

    def index_of(self, event: Event) -> int:
        """Return where an event stands (by identity); -1 if it is not of this recording."""
        for index, candidate in enumerate(self.events):
            if candidate is event:
                return index
        return -1

    def next_step(self, step: int, *, forward: bool = True) -> int:
        """Return the nearest step that way with events other than calls and contexts."""
        indices = range(step + 1, len(self.steps)) if forward else range(step - 1, -1, -1)
        for index in indices:
            if any(e.topic not in ("call", "context") for e in self.events_of(index)):
                return index
        return step

    def first_report_step(self) -> int | None:
        """Return the step of the first report."""
        for index, event in enumerate(self.events):
            if isinstance(event, Report):
                found = self.step_at(index)
                return found.index if found else None
        return None

    def remarks(self) -> tuple[str, ...]:
        """Return what the player should know of the recording itself, in the language in force."""
        if not self.dropped_steps:
            return ()
        text = ngettext(
            "{n} step ran but was not recorded; the first {kept} can be looked at.",
            "{n} steps ran but were not recorded; the first {kept} can be looked at.",
            self.dropped_steps,
        )
        return (text.format(n=self.dropped_steps, kept=len(self.steps)),)

    def digest(self) -> str:
        """Return a SHA-256 over everything recorded; equal inputs give equal digests."""
        summary = hashlib.sha256()
        for part in self._parts():
            summary.update(part.encode("utf-8", "backslashreplace"))
            summary.update(b"\n")
        return summary.hexdigest()

    def _parts(self) -> Iterator[str]:
        yield f"{self.level} {self.answers} {self.spec} {self.outcome} {self.prediction}"
        yield self.source.text
        yield self.picture.digest()
        for event in self.events:
            yield repr(event)
        for step in self.steps:
            yield repr(step)
        if self.faults is not None:
            yield repr(self.faults.as_json())
        yield repr((self.script, self.diagnostics, self.notes, self.watched, self.dropped_steps))
