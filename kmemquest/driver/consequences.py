"""Replays recordings of one classic mistake each: what does the kernel say, and what follows?

A recording is an index of cases (the C source of a mistake) and of the boots of real kernels on
which each was run. Every case is built with the skeleton that lies beside the index, loaded on a
machine that boots like the recorded one, driven as recorded, and unloaded; then the severity, the
headlines of all reports (see `consequences_headlines` for when two are equal) and what happened
next are compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kmemquest.driver.build import Build, build
from kmemquest.driver.consequences_builtin import definitions, undefined
from kmemquest.driver.consequences_headlines import headlines, normalise, severity_of, worst
from kmemquest.driver.consequences_machine import BootedMachines
from kmemquest.driver.consequences_shell import Shell
from kmemquest.driver.limits import Limits
from kmemquest.driver.session import DriverSession
from kmemquest.kernel.machine import Fate

HEAD: Final = "ob.h"
TAILS: Final = {"fn": "tail_fn.h", "pci": "tail_pci.h"}
VENDOR, DEVICE = 0x8086, 0x100E
"""The network card to which the skeleton's PCI driver binds."""
PCI_NAME: Final = "0000:00:03.0"
BARS: Final = [[0xFEB4_0000, 128 << 10]]
"""Registers of that card where the PC's firmware puts them; its I/O ports are left out."""
IRQ: Final = 11
BEFORE_RMMOD: Final = "3s"
"""How long a module stayed loaded, about."""
LAST_COMMAND: Final = "cat /proc/sys/kernel/tainted"
"""How each recording ended: somebody looked whether the machine was alive."""
STEPS: Final = 40_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed: `next` is `returned`, `task killed`, `machine dead` or `hung`."""

    severity: str
    headlines: tuple[str, ...]
    next: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsequenceRow:
    """One case on one boot."""

    case: str
    boot: str
    expected: Outcome
    got: Outcome
    severity_agrees: bool
    headlines_agree: bool
    next_agrees: bool

    @property
    def matched(self) -> bool:
        """Whether severity and every headline agree."""
        return self.severity_agrees and self.headlines_agree


@dataclass(slots=True)
class ConsequencesResult:
    """All rows of an index."""

    rows: list[ConsequenceRow] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many pairs of case and boot were compared."""
        return len(self.rows)

    @property
    def severity(self) -> int:
        """In how many the severity agrees."""
        return sum(row.severity_agrees for row in self.rows)

    @property
    def headlines(self) -> int:
        """In how many every headline agrees."""
        return sum(row.headlines_agree for row in self.rows)

    @property
    def next(self) -> int:
        """In how many the sequel agrees."""
        return sum(row.next_agrees for row in self.rows)

    @property
    def matched(self) -> int:
        """In how many severity and headlines agree."""
        return sum(row.matched for row in self.rows)

    @property
    def misses(self) -> list[ConsequenceRow]:
        """The rows in which anything disagrees."""
        return [row for row in self.rows if not (row.matched and row.next_agrees)]


def is_consequences_index(path: Path) -> bool:
    """Tell whether a file is an index of recorded consequences."""
    try:
        with path.open(encoding="utf-8") as file:
            document = json.load(file)
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and {"boots", "cases"} <= document.keys()


def conform_consequences(
    index_path: Path, only: tuple[str, ...] = (), boots: tuple[str, ...] = ()
) -> ConsequencesResult:
    """Run every case of an index on every boot it was recorded on.

    `only` (ids) and `boots` (keys) restrict the run. ValueError tells what an index lacks.
    """
    index = json.loads(index_path.read_text(encoding="utf-8"))
    if not isinstance(index, dict) or not {"boots", "cases"} <= index.keys():
        raise ValueError("not an index of consequences: boots and cases are missing")
    machines = BootedMachines(index["boots"])
    result = ConsequencesResult()
    for case in index["cases"]:
        if only and case["id"] not in only:
            continue
        built = build_case(case, index_path.parent)
        for key, recorded in case["results"].items():
            if not boots or key in boots:
                result.rows.append(
                    _compare(index_path.parent, case, key, recorded, built, machines)
                )
    return result


def build_case(case: dict[str, Any], folder: Path) -> Build:
    """Build a case's module: skeleton, source and the tail of its kind."""
    skeleton = folder / "skeleton"
    parts = [(skeleton / HEAD).read_text(), f'#define OB_CASE "{case["id"]}"\n', case["source"]]
    tail = TAILS.get(case["kind"])
    if tail is not None:
        parts.append((skeleton / tail).read_text())
    source, file = "\n".join(parts) + "\n", f"{case['id']}.c"
    built = build(source, file)
    missing = undefined(built)
    return build(source + definitions(missing, source), file) if missing else built


def run_case(case: dict[str, Any], key: str, built: Build, machines: BootedMachines) -> Outcome:
    """Run a built case on a fresh machine and look at what it printed."""
    if not built.ok:
        errors = tuple(str(item) for item in built.diagnostics if item.severity == "error")
        return Outcome("not built", errors, "not built")
    machine = machines.fresh(key)
    start = len(machine.log.lines)
    limits = Limits(steps=STEPS)
    session = DriverSession(machine, built, limits=limits, scan_for_leaks=False)
    shell = Shell(session)
    shell.run(case["shell_before"])
    if case["kind"] == "pci":
        probe = {
            "pci": {"name": PCI_NAME, "vendor": VENDOR, "device": DEVICE, "bars": BARS, "irq": IRQ}
        }
        session.perform({"probe": probe})
    session.perform("insmod")
    ended = session.outcome
    if session.alive:
        shell.run(case["shell_after"])
        session.perform({"advance": BEFORE_RMMOD})
    if shell.lives:
        session.perform("rmmod")
        shell.run(LAST_COMMAND)
    lines = [line.text for line in list(machine.log.lines)[start:]] + shell.printed
    session.close()
    panicked = any(severity_of(line) == "panic" for line in lines)
    if machine.fate is Fate.PANICKED and panicked:
        sequel = "machine dead"
    elif ended == "hangs" or not session.alive or not shell.lives:
        sequel = "hung"
    else:
        sequel = "task killed" if ended == "task-killed" else "returned"
    return Outcome(worst(lines), tuple(headlines(lines)), sequel, tuple(lines))


def _compare(
    folder: Path,
    case: dict[str, Any],
    key: str,
    recorded: dict[str, Any],
    built: Build,
    machines: BootedMachines,
) -> ConsequenceRow:
    expected = Outcome(
        recorded["severity"], tuple(recorded["headlines"]), sequel_of(recorded["next"])
    )
    got = run_case(case, key, built, machines)
    log = folder / recorded["log"]
    also = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return ConsequenceRow(
        case["id"],
        key,
        expected,
        got,
        expected.severity == got.severity,
        same_headlines(expected.headlines, got.headlines, also),
        expected.next == got.next,
    )


def same_headlines(expected: tuple[str, ...], got: tuple[str, ...], log: list[str]) -> bool:
    """Tell whether the same reports appear in the same order.

    A line that the recorded log has, but whose index leaves it out of the headlines (the message of
    a WARN, say), is neither wanted nor wrong.
    """
    wanted = list(dict.fromkeys(normalise(line.rstrip(":")) for line in expected))
    known = {normalise(_untimed(line).rstrip(":")) for line in log}
    found = [normalise(line) for line in got]
    kept = [line for line in found if line in wanted or line not in known]
    plain = [line for line in wanted if severity_of(line) is not None or line in found]
    return kept == plain


def _untimed(line: str) -> str:
    head, bracket, rest = line.partition("] ")
    return rest if bracket and head.startswith("[") and "." in head else line


def sequel_of(text: str) -> str:
    """Read the index's words on what happened next."""
    if "machine stopped" in text:
        return "machine dead"
    if "hung" in text or "did not reach the end" in text:
        return "hung"
    return "task killed" if "status 137" in text or "status 139" in text else "returned"
