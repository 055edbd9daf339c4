"""The fault sweep: fail each allocation of a driver in turn and see what the driver makes of it.

    sweep = sweep_driver(module, booted_snapshot, steps)
    for result in sweep.results: ...

The first run counts the requests that failslab and fail_page_alloc could fail, made while driver
code is on the stack, in process, softirq and hardirq context alike. Then each run fails exactly
one of them, the n-th: what `fail_nth` (or times=1 with every knob open) does on a real kernel.
Every run starts from the same booted machine, so what differs from the first run is the failure's
doing.

Requests inside of the allocators count as well: a page for a new slab, the page array of a vmalloc.
The kernel often has a second way for those; such a failure is *absorbed*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver.limits import Limits
from kmemquest.driver.outcomes import BAD_ENDS
from kmemquest.driver.script import ScriptError, ScriptStep
from kmemquest.driver.session import DriverSession
from kmemquest.driver.silent_damage import watch
from kmemquest.driver.witness import Finding, Witness
from kmemquest.kernel.check.fault_injection import FaultPoint, armed
from kmemquest.kernel.events import BootPhase, Event
from kmemquest.kernel.machine import Machine

if TYPE_CHECKING:
    from kmemquest.driver.module_image import Module

NULL_USED: Final = (
    "null-dereference", "page-fault", "user-pointer-dereference", "general-protection-fault",
)  # fmt: skip
BAD_FREES: Final = ("double-free", "invalid-free", "free-size-mismatch", "bad-vfree", "wrong-cache")
LEAKS: Final = (
    "leak", "irq-not-freed", "timer-not-stopped", "device-not-removed", "cache-destroyed-busy",
)  # fmt: skip
DAMAGE: Final = (
    "slab-use-after-free", "slab-out-of-bounds", "page-use-after-free", "page-out-of-bounds",
    "vmalloc-out-of-bounds",
)  # fmt: skip
EXPECTED: Final = (
    "page-allocation-failure", "vmalloc-failure", "slab-out-of-memory", "percpu-failed",
    "cache-not-created",
)  # fmt: skip
"""What the kernel says of a failed request; that is no fault of the driver."""


@dataclass(frozen=True, slots=True)
class SweepLimits:
    """How far a sweep may go: runs with a failure, and statements of all runs together."""

    failures: int = 200
    statements: int = 20_000_000
    run_statements: int = 1_000_000


@dataclass(frozen=True, slots=True)
class FaultResult:
    """What one failed request led to.

    `call` is the kernel function that the driver had called, `call_failed` whether that gave
    nothing; `step` the step of the script and `result` what the driver's function returned in it
    (None where nothing is returned). `findings` are those that the first run does not have.
    """

    point: FaultPoint
    call: str
    call_failed: bool
    step: str
    result: int | None
    outcome: str
    findings: tuple[Finding, ...]

    @property
    def error_returned(self) -> bool:
        """Whether the step ended with an error number."""
        return self.result is not None and -4095 <= self.result < 0

    @property
    def leaked(self) -> bool:
        """Whether something was never given back."""
        return any(item.kind in LEAKS for item in self.findings)

    @property
    def null_used(self) -> bool:
        """Whether the NULL (or error) pointer was used."""
        return any(
            item.kind in NULL_USED and any(role == "unchecked" for role, _ in item.sites)
            for item in self.findings
        )

    @property
    def double_free(self) -> bool:
        """Whether something was freed twice or wrongly."""
        return any(item.kind in BAD_FREES for item in self.findings)

    @property
    def survived(self) -> bool:
        """Whether nothing went wrong."""
        return not self.findings and self.outcome not in BAD_ENDS

    @property
    def verdict(self) -> str:
        """One word: panic, hang, null-used, oops, double-free, damage, leak, report, or how it
        went well: error-returned, absorbed (the kernel found a way), carried-on (the driver did).
        """
        if self.survived:
            if self.error_returned:
                return "error-returned"
            return "carried-on" if self.call_failed else "absorbed"
        if self.outcome == "panicked" and not self.null_used:
            return "panic"
        if self.null_used:
            return "null-used"
        if self.outcome in BAD_ENDS:
            killed = any(item.report.severity == "oops" for item in self.findings)
            return "oops" if killed else "hang"
        if self.double_free:
            return "double-free"
        if any(item.kind in DAMAGE for item in self.findings):
            return "damage"
        return "leak" if self.leaked else "report"

    @property
    def weight(self) -> int:
        """How bad it is, for finding the worst; 0 when nothing went wrong."""
        if self.survived:
            return 0
        words = ("report", "leak", "damage", "double-free", "hang", "oops", "null-used", "panic")
        return 10 * BAD_ENDS.get(self.outcome, 0) + 1 + words.index(self.verdict)

    @property
    def first_bad(self) -> Finding | None:
        """The first thing that went wrong."""
        return self.findings[0] if self.findings else None

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        point, first = self.point, self.first_bad
        return {
            "number": point.number,
            "knob": point.knob,
            "call": self.call,
            "line": point.site.line,
            "function": point.site.function,
            "context": point.context,
            "size": point.size,
            "step": self.step,
            "result": self.result,
            "error_returned": self.error_returned,
            "leak": self.leaked,
            "null_used": self.null_used,
            "double_free": self.double_free,
            "outcome": self.outcome,
            "verdict": self.verdict,
            "findings": [item.kind for item in self.findings],
            "first_bad_line": first.site.line if first is not None and first.site else 0,
        }


@dataclass(frozen=True, slots=True)
class FaultSweep:
    """A whole sweep. `points` is how many requests could fail; `cut` tells why some were left out:
    empty, `failures` or `statements`. `before` are the findings without any failure.
    """

    points: int
    results: tuple[FaultResult, ...]
    before: tuple[Finding, ...]
    outcome: str
    cut: str = ""

    @property
    def survives(self) -> bool:
        """Whether the driver takes every failure well, and nothing is wrong without one."""
        return not self.before and all(result.survived for result in self.results)

    @property
    def worst(self) -> FaultResult | None:
        """The failure with the worst end, the first of equals; None when all went well."""
        worst = max(self.results, key=lambda result: result.weight, default=None)
        return worst if worst is not None and worst.weight else None

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `--json`."""
        worst = self.worst
        return {
            "points": self.points,
            "failed": len(self.results),
            "cut": self.cut,
            "survives": self.survives,
            "without_failure": [item.kind for item in self.before],
            "results": [result.as_json() for result in self.results],
            "worst": worst.point.number if worst is not None else None,
        }


@dataclass(slots=True)
class _Run:
    points: list[FaultPoint]
    failed: FaultPoint | None
    findings: list[Finding]
    outcome: str
    call: str
    call_failed: bool
    step: str
    result: int | None
    statements: int


def sweep_driver(
    module: Module,
    snapshot: bytes,
    steps: Sequence[ScriptStep],
    limits: SweepLimits | None = None,
    between: Callable[[], None] | None = None,
) -> FaultSweep:
    """Sweep over a built module. `snapshot` is a machine ready to load it.

    `between` is called before each run; what it raises ends the sweep.
    """
    limits = limits or SweepLimits()
    first = _run(module, snapshot, steps, 0, limits)
    known = Counter(item.key for item in first.findings)
    chosen = order_of_points(first.points)
    results: list[FaultResult] = []
    spent, cut = first.statements, ""
    for number in chosen:
        if len(results) >= limits.failures:
            cut = "failures"
            break
        if spent >= limits.statements:
            cut = "statements"
            break
        if between is not None:
            between()
        run = _run(module, snapshot, steps, number, limits)
        spent += run.statements
        if run.failed is not None:
            results.append(_result(run, known))
    results.sort(key=lambda result: result.point.number)
    before = tuple(item for item in first.findings if item.kind not in EXPECTED)
    return FaultSweep(len(first.points), tuple(results), before, first.outcome, cut)


def order_of_points(points: Sequence[FaultPoint]) -> list[int]:
    """Return the numbers in the order of failing: the first and last of each statement and context
    before the rest, so that a sweep that is cut has seen every place.
    """
    places: dict[object, list[int]] = {}
    for point in points:
        places.setdefault((point.site, point.context, point.knob), []).append(point.number)
    ends = [n for numbers in places.values() for n in dict.fromkeys((numbers[0], numbers[-1]))]
    return [*sorted(ends), *sorted({point.number for point in points} - set(ends))]


def _result(run: _Run, known: Counter[tuple[str, str, int]]) -> FaultResult:
    assert run.failed is not None
    left = known.copy()
    new = []
    for item in run.findings:
        if item.kind in EXPECTED:
            continue
        if left[item.key] > 0:
            left[item.key] -= 1
        else:
            new.append(item)
    return FaultResult(
        run.failed, run.call, run.call_failed, run.step, run.result, run.outcome, tuple(new)
    )


def _arm(machine: Machine, witness: Witness, fail_at: int) -> None:
    faults = armed(machine)
    faults.sweep(fail_at)
    faults.on_failure = witness.failure_injected


def _run(
    module: Module, snapshot: bytes, steps: Sequence[ScriptStep], fail_at: int, limits: SweepLimits
) -> _Run:
    machine = Machine.restore(snapshot)
    unwatch = watch(machine)
    witness = Witness(machine, module)

    def listen(event: Event) -> None:
        witness(event)
        if isinstance(event, BootPhase) and event.phase == "running":
            _arm(machine, witness, fail_at)

    unsubscribe = machine.events.subscribe(listen)
    if machine.phase == "running":
        _arm(machine, witness, fail_at)
    session = DriverSession(machine, module, None, Limits(steps=limits.run_statements))
    spent, step_name, result = 0, "", None
    try:
        for number, step in enumerate(steps):
            if not session.alive:
                break
            witness.step = number
            before = _failed(machine)
            try:
                found = session.perform(step).result
            except ScriptError:
                # What failed made the step impossible: there is no device, nothing is open.
                found = None
            spent += limits.run_statements - max(session.engine.steps_left[0], 0)
            if before is None and _failed(machine) is not None:
                step_name, result = step.word, found
    finally:
        session.close()
        unsubscribe()
        unwatch()
    faults = machine.checks.faults
    points = list(faults.points) if faults is not None else []
    failed = _failed(machine)
    return _Run(
        points,
        failed,
        witness.findings,
        session.outcome,
        witness.failing_call,
        witness.failing_call_failed or witness.call_is_open,
        step_name,
        result,
        spent,
    )


def _failed(machine: Machine) -> FaultPoint | None:
    faults = machine.checks.faults
    return faults.failed if faults is not None else None


__all__ = ["FaultResult", "FaultSweep", "SweepLimits", "sweep_driver"]
