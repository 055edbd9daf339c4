"""A trial: any driver source, built and driven on any machine, recorded.

An attempt at a level is a trial with the level's machine and script; the driver lab makes trials
of whatever the player writes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from kmemquest.kernel.spec import MachineSpec
from kmemquest.level.picture import EMPTY, Picture, take_picture
from kmemquest.level.recorder import MAX_LOCALS, Recorder, RunCancelled
from kmemquest.level.recording import Recording
from kmemquest.level.source import DriverSource

if TYPE_CHECKING:
    from kmemquest.driver.diagnostics import Diagnostic
    from kmemquest.driver.fault_sweep import FaultSweep
    from kmemquest.driver.module_image import Module
    from kmemquest.driver.witness import Finding
    from kmemquest.kernel.machine import Machine

__all__ = ["RunCancelled", "Trial", "Witnessed", "booted_machine", "diagnose", "sweep"]

MAX_FAULTS: Final = 60
"""Allocations of a level's driver that are made to fail in turn."""
MAX_FAULT_STATEMENTS: Final = 3_000_000
"""Statements of all these runs together."""
MAX_BOOTED: Final = 6
"""Booted machines kept per process; a level retried starts from its snapshot."""

_alone: Final = threading.RLock()
"""Builds share headers and the interpreter's recursion limit: one thread at a time."""


@dataclass(frozen=True, slots=True)
class _Booted:
    """A machine ready for its driver, and what it looks like."""

    snapshot: bytes
    picture: Picture


_booted: dict[tuple[MachineSpec, int, str, bool], _Booted] = {}


@dataclass(frozen=True, slots=True)
class Trial:
    """What to build, where to run it, what to do with it.

    `wear` seeds the machine's history (`uptime` says how long that was). Built-in code runs from
    the memblock phase on.
    """

    source: DriverSource
    file: str
    spec: MachineSpec
    script: tuple[str | dict[str, Any], ...] = ("insmod", "rmmod")
    builtin: bool = False
    uptime: str = "fresh"
    wear: int = 1
    watch: tuple[str, ...] = ()
    level: str = ""
    answers: tuple[tuple[str, str], ...] = ()
    prediction: str | None = None
    proc: tuple[str, ...] = ()
    """Files of /proc to read when the script has ended."""
    faults: bool = False
    """Whether to run it again for each of its allocations, with that one failing."""
    truths: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Diagnose slot -> the answers that the incident proves right."""
    most_locals: int = MAX_LOCALS
    """Variables kept per step."""

    def run(self, cancelled: Callable[[], bool] | None = None) -> Recording:
        """Build, boot, run, record; equal trials give equal recordings.

        `cancelled` is asked before every statement; RunCancelled is raised when it says so.
        """
        with _alone:
            return self._run(cancelled, None)

    def run_witnessed(self, cancelled: Callable[[], bool] | None = None) -> Witnessed:
        """Run with every access watched: damage that no kernel tells of is found too."""
        findings: list[Finding] = []
        with _alone:
            recording = self._run(cancelled, findings)
        return Witnessed(recording, tuple(findings))

    def _run(
        self, cancelled: Callable[[], bool] | None, findings: list[Finding] | None
    ) -> Recording:
        from kmemquest.driver.build import build
        from kmemquest.kernel.machine import Machine
        from kmemquest.kernel.text.proc import proc_file

        built = build(self.source.text, self.file, builtin=self.builtin)
        blank = Recording(
            level=self.level,
            answers=self.answers,
            spec=self.spec,
            source=self.source,
            picture=EMPTY,
            diagnostics=built.diagnostics,
            prediction=self.prediction,
            truths=self.truths,
        )
        if built.module is None or not built.ok:
            return replace(blank, outcome="does-not-compile")
        start = _boot(self.spec, self.wear, self.uptime, builtin=self.builtin)
        machine = Machine.restore(start.snapshot)
        recorder = Recorder(machine, self.file, cancelled, self.most_locals)
        if findings is None:
            recorder.run(built.module, list(self.script), watch=self.watch)
        else:
            with _witness(machine, built.module, findings):
                recorder.run(built.module, list(self.script), watch=self.watch)
        return replace(
            blank,
            picture=start.picture,
            events=tuple(recorder.events),
            steps=recorder.finished_steps(),
            outcome=recorder.outcome,
            script=tuple(recorder.script),
            notes=tuple(recorder.notes),
            watched=tuple(recorder.watched.items()),
            dropped_steps=recorder.dropped,
            rebases=tuple(recorder.rebases),
            picture_after=take_picture(machine),
            faults=self._sweep_faults(built.module, cancelled) if self.faults else None,
            proc=tuple((name, proc_file(machine, name)) for name in self.proc),
        )

    def _sweep_faults(
        self, module: Module, cancelled: Callable[[], bool] | None
    ) -> FaultSweep | None:
        from kmemquest.driver.fault_sweep import SweepLimits, sweep_driver
        from kmemquest.driver.script import ScriptError, parse_script

        def between() -> None:
            if cancelled is not None and cancelled():
                raise RunCancelled

        snapshot = _boot(self.spec, self.wear, self.uptime, builtin=self.builtin).snapshot
        try:
            steps = parse_script(list(self.script))
        except ScriptError:
            return None
        limits = SweepLimits(MAX_FAULTS, MAX_FAULT_STATEMENTS)
        return sweep_driver(module, snapshot, steps, limits, between)


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A recording with everything that went wrong in it."""

    recording: Recording
    findings: tuple[Finding, ...]


@contextmanager
def _witness(machine: Machine, module: Module, findings: list[Finding]) -> Iterator[None]:
    """Watch a machine; what went wrong is in `findings` afterwards."""
    from kmemquest.driver.silent_damage import watch
    from kmemquest.driver.witness import Witness

    unwatch = watch(machine)
    witness = Witness(machine, module)
    unsubscribe = machine.events.subscribe(witness)
    try:
        yield
    finally:
        unsubscribe()
        unwatch()
        findings += witness.findings


def sweep(trial: Trial) -> FaultSweep | None:
    """Fail each allocation of a trial in turn; None when its source does not compile."""
    from kmemquest.driver.build import build
    from kmemquest.driver.fault_sweep import sweep_driver
    from kmemquest.driver.script import parse_script

    with _alone:
        built = build(trial.source.text, trial.file, builtin=trial.builtin)
        if built.module is None or not built.ok:
            return None
        start = _boot(trial.spec, trial.wear, trial.uptime, builtin=trial.builtin)
        return sweep_driver(built.module, start.snapshot, parse_script(list(trial.script)))


def diagnose(source: str, file: str, *, builtin: bool = False) -> tuple[Diagnostic, ...]:
    """Return what a build says about a source, without running anything."""
    from kmemquest.driver.build import build

    with _alone:
        return build(source, file, builtin=builtin).diagnostics


def booted_machine(spec: MachineSpec, seed: int, uptime: str, *, builtin: bool) -> Machine:
    """Return a fresh machine of a spec, aged by its history; booted once per process.

    For built-in code the machine stops in the memblock phase.
    """
    from kmemquest.kernel.machine import Machine

    return Machine.restore(_boot(spec, seed, uptime, builtin=builtin).snapshot)


def _boot(spec: MachineSpec, seed: int, uptime: str, *, builtin: bool) -> _Booted:
    from kmemquest.kernel.machine import Machine

    key = (spec, seed, uptime, builtin)
    found = _booted.pop(key, None)
    if found is None:
        machine = Machine(spec) if builtin else Machine.boot(spec)
        if not builtin and uptime != "fresh":
            from kmemquest.kernel.history import age

            age(machine, seed, uptime)
        snapshot = machine.snapshot()
        found = _Booted(snapshot, take_picture(Machine.restore(snapshot)))
    _booted[key] = found
    while len(_booted) > MAX_BOOTED:
        del _booted[next(iter(_booted))]
    return found
