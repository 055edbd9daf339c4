"""The drivers of tests/drivers with their sidecars: what is done to each, what must come of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from kmemquest.driver.limits import Limits
from kmemquest.driver.run import RunResult, run_driver
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec
from tests.driver.kernel_module import DRIVERS, machine

MODES: Final = ("debug", "production")
SPEC: Final = MachineSpec(ram=64 * MIB)
_ADDRESS: Final = re.compile(r"\b(0x)?[0-9a-f]{12,16}\b")


@dataclass(frozen=True, slots=True)
class Case:
    """A driver with its sidecar. `expected` is by mode."""

    name: str
    source: str
    script: list[Any]
    builtin: bool
    boot: str
    says: str
    """What every line of the driver contains: those of a booting kernel are not asserted."""
    expected: dict[str, Any]


def cases() -> list[Case]:
    """Return the whole corpus in the order of names."""
    return [_case(path) for path in sorted(DRIVERS.glob("*.c"))]


def _case(path: Path) -> Case:
    sidecar = yaml.safe_load(path.with_suffix(".yaml").read_text("utf-8"))
    expected = {mode: sidecar[mode] for mode in MODES if mode in sidecar}
    script = sidecar["script"]
    builtin, boot = sidecar.get("builtin", False), sidecar.get("boot", "")
    says = sidecar.get("says", "")
    return Case(path.stem, path.read_text("utf-8"), script, builtin, boot, says, expected)


@cache
def _booted(checkers: str, boot: str) -> bytes:
    spec = MachineSpec(
        ram=256 * MIB, options=tuple(boot.split()), checkers=Checkers.preset(checkers)
    )
    return Machine.boot(spec).snapshot()


def run_case(
    case: Case, mode: str, *, limits: Limits | None = None, keep_going: bool = False
) -> RunResult:
    """Run a driver of the corpus as its sidecar says."""
    name, booted, spec = f"{case.name}.c", None, None
    if case.builtin:
        spec = replace(SPEC, checkers=Checkers.preset(mode))
    else:
        booted = Machine.restore(_booted(mode, case.boot)) if case.boot else machine(mode)
    return run_driver(
        case.source, name, spec, case.script, limits=limits, keep_going=keep_going, machine=booted
    )


def outcome(result: RunResult, says: str = "") -> dict[str, Any]:
    """Return what a sidecar tells of a run, in plain values.

    `spoken` are the reports that the kernel made as (kind, severity, line of the driver), `first`
    is the first of all reports, silent ones included: the first bad step. `leaks` counts.
    """
    found: dict[str, Any] = {"outcome": result.outcome}
    found["returns"] = [step.result for step in result.results]
    found["data"] = [step.data.hex() for step in result.results if step.data]
    found["notes"] = [step.note for step in result.results if step.note]
    found["errors"] = [[d.line, d.message] for d in result.diagnostics if d.severity == "error"]
    found["first"] = [
        [report.kind, report.site.line if report.site is not None else 0]
        for report in result.reports[:1]
    ]
    found["spoken"] = [
        [report.kind, report.severity, report.site.line if report.site is not None else 0]
        for report in result.reports
        if report.spoken and report.severity != "silent"
    ]
    found["headlines"] = [_plain(r.headline) for r in result.reports if r.spoken and r.headline]
    found["leaks"] = sum(report.kind == "leak" for report in result.reports)
    found["log"] = _said(result, says)
    return {key: value for key, value in found.items() if value}


def _said(result: RunResult, says: str) -> list[str]:
    """Return the lines of a run without reports: reports have their headlines."""
    if result.machine is None or any(report.spoken for report in result.reports):
        return []
    texts = [line.text for line in result.log if says in line.text]
    return [_plain(text) for text in texts if "loading out-of-tree" not in text]


def _plain(text: str) -> str:
    """Leave addresses out: they are asserted where addresses are the subject."""
    return _ADDRESS.sub("ADDRESS", text)
