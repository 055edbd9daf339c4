r"""From a source file to what the kernel said: `kmemquest run`, and tests.

result = run_driver(source, "cam.c", MachineSpec(), ["insmod", "rmmod"])
print("\n".join(result.log_text()))
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver.build import BuildOptions, build
from kmemquest.driver.script import DEFAULT_SCRIPT, ScriptStep, parse_script
from kmemquest.driver.session import DriverSession, StepResult
from kmemquest.driver.silent_damage import watch
from kmemquest.driver.witness import Finding, Witness
from kmemquest.kernel.events import Event, LogLine, Report
from kmemquest.kernel.log import format_line
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import Checkers, MachineSpec

if TYPE_CHECKING:
    from kmemquest.driver.diagnostics import Diagnostic
    from kmemquest.driver.fault_sweep import FaultSweep, SweepLimits
    from kmemquest.driver.limits import Limits
    from kmemquest.driver.module_image import Module
    from kmemquest.driver.step import Observer

DOES_NOT_COMPILE: Final = "does-not-compile"
EXIT_CLEAN: Final = 0
EXIT_REPORTS: Final = 1
EXIT_NO_MODULE: Final = 2
BUILTIN_WORDS: Final = ("initcall", "boot")


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run gave.

    `outcome` is one of `outcomes.OUTCOMES`.
    `reports` holds silent ones too: what only the simulator knows. `log` are the lines since the
    machine was booted. `events` counts what happened by event class.
    """

    name: str
    outcome: str
    diagnostics: tuple[Diagnostic, ...]
    reports: tuple[Report, ...] = ()
    log: tuple[LogLine, ...] = ()
    results: tuple[StepResult, ...] = ()
    events: dict[str, int] = field(default_factory=dict)
    machine: Machine | None = None
    findings: tuple[Finding, ...] = ()
    """The reports again, with what is known of where and why."""

    @property
    def exit_code(self) -> int:
        """0 clean, 1 when anything was wrong, 2 when there was nothing to load."""
        if self.outcome == DOES_NOT_COMPILE:
            return EXIT_NO_MODULE
        return EXIT_CLEAN if self.outcome == "ran" and not self.reports else EXIT_REPORTS

    def log_text(self) -> list[str]:
        """The log as dmesg shows it."""
        return [format_line(line) for line in self.log]

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `--json`."""
        return {
            "file": self.name,
            "outcome": self.outcome,
            "diagnostics": [
                {
                    "file": item.file,
                    "line": item.line,
                    "column": item.column,
                    "severity": item.severity,
                    "code": item.code,
                    "message": item.message,
                    "hint": item.hint,
                }
                for item in self.diagnostics
            ],
            "reports": [
                {
                    "kind": report.kind,
                    "severity": report.severity,
                    "headline": report.headline,
                    "line": report.site.line if report.site is not None else 0,
                    "detail": report.detail,
                }
                for report in self.reports
            ],
            "steps": [
                {
                    "step": item.step.word,
                    "result": item.result,
                    "data": item.data.hex(),
                    "note": item.note,
                }
                for item in self.results
            ],
            "log": self.log_text(),
        }


class _Listener:
    """Counts events and keeps reports and findings."""

    def __init__(self, machine: Machine, module: Module) -> None:
        self.witness = Witness(machine, module)
        self.reports: list[Report] = []
        self.counts: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        self.counts[type(event).__name__] += 1
        self.witness(event)
        if isinstance(event, Report):
            self.reports.append(event)


def run_driver(
    source: str,
    name: str = "driver.c",
    spec: MachineSpec | None = None,
    script: object = None,
    *,
    checkers: Checkers | str | None = None,
    keep_going: bool = False,
    limits: Limits | None = None,
    observer: Observer | None = None,
    machine: Machine | None = None,
) -> RunResult:
    """Build a driver, boot a machine, drive the module through a script.

    `script` defaults to insmod and rmmod; ScriptError tells what is wrong with it. `checkers`
    overrides those of the spec. With `keep_going` a module that a kernel build refuses although
    the compiler could translate it (a format mismatch under -Werror, no licence) is loaded all the
    same. A `machine` that is booted already may be handed in instead of a spec.
    """
    steps = parse_script(list(DEFAULT_SCRIPT) if script is None else script)
    builtin = is_builtin(steps)
    diagnostics, module = module_of(source, name, builtin=builtin, keep_going=keep_going)
    if module is None:
        return RunResult(name, DOES_NOT_COMPILE, diagnostics)
    machine = machine or _boot(spec or MachineSpec(), checkers, builtin=builtin)
    first = len(machine.log.lines)
    unwatch = watch(machine)
    listener = _Listener(machine, module)
    unsubscribe = machine.events.subscribe(listener)
    session = DriverSession(machine, module, observer, limits)
    try:
        for number, step in enumerate(steps):
            listener.witness.step = number
            session.perform(step)
    finally:
        session.close()
        unsubscribe()
        unwatch()
    return RunResult(
        name,
        session.outcome,
        diagnostics,
        tuple(listener.reports),
        tuple(machine.log.lines)[first:],
        tuple(session.results),
        dict(listener.counts),
        machine,
        tuple(listener.witness.findings),
    )


def is_builtin(steps: tuple[ScriptStep, ...]) -> bool:
    """Tell whether a script needs code that is part of the kernel instead of a module."""
    return any(step.word in BUILTIN_WORDS for step in steps)


def module_of(
    source: str, name: str, *, builtin: bool, keep_going: bool = False
) -> tuple[tuple[Diagnostic, ...], Module | None]:
    """Build a driver; with `keep_going` also what only the compiler accepts."""
    built = build(source, name, builtin=builtin)
    module = built.module
    if module is None and keep_going:
        lenient = BuildOptions(werror=False, require_license=False)
        module = build(source, name, builtin=builtin, options=lenient).module
    return built.diagnostics, module


def sweep_faults(
    source: str,
    name: str = "driver.c",
    spec: MachineSpec | None = None,
    script: object = None,
    *,
    checkers: Checkers | str | None = None,
    keep_going: bool = False,
    limits: SweepLimits | None = None,
) -> tuple[tuple[Diagnostic, ...], FaultSweep | None]:
    """Build a driver and fail each of its allocations in turn; no sweep if it does not compile."""
    from kmemquest.driver.fault_sweep import sweep_driver

    steps = parse_script(list(DEFAULT_SCRIPT) if script is None else script)
    builtin = is_builtin(steps)
    diagnostics, module = module_of(source, name, builtin=builtin, keep_going=keep_going)
    if module is None:
        return diagnostics, None
    snapshot = _boot(spec or MachineSpec(), checkers, builtin=builtin).snapshot()
    return diagnostics, sweep_driver(module, snapshot, steps, limits)


def _boot(spec: MachineSpec, checkers: Checkers | str | None, *, builtin: bool) -> Machine:
    if isinstance(checkers, str):
        checkers = Checkers.preset(checkers)
    if checkers is not None:
        spec = replace(spec, checkers=checkers)
    return Machine(spec) if builtin else Machine.boot(spec)


__all__ = ["DriverSession", "RunResult", "StepResult", "run_driver"]
