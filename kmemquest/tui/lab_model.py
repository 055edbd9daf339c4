"""What the driver lab works on: a source, a machine, checkers, a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from kmemquest.i18n import N_, _, ngettext
from kmemquest.kernel.spec import Checkers, MachineSpec

MIB: Final = 1 << 20

START: Final = """\
#include <linux/module.h>
#include <linux/slab.h>

static char *buffer;

static int __init lab_init(void)
{
	buffer = kmalloc(100, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	pr_info("lab: 100 bytes asked for, %zu got\\n", ksize(buffer));
	return 0;
}

static void __exit lab_exit(void)
{
	kfree(buffer);
}

module_init(lab_init);
module_exit(lab_exit);
MODULE_LICENSE("GPL");
"""
"""What an empty lab begins with: a module that is worth changing."""

SCRIPT: Final = "insmod\nrmmod\n"

MACHINES: Final[tuple[tuple[str, MachineSpec], ...]] = (
    ("256M", MachineSpec(ram=256 * MIB)),
    ("64M", MachineSpec(ram=64 * MIB)),
    ("1G", MachineSpec(ram=1024 * MIB, cpus=2)),
    ("4G", MachineSpec(ram=4096 * MIB, cpus=4)),
    ("5G", MachineSpec(ram=5120 * MIB, cpus=4, nodes=2)),
)
CHECKERS: Final = ("debug", "slub_debug=FZPU", "production")
CHECKER_WORDS: Final = {
    "debug": N_("KASAN, lockdep, kmemleak, dma-debug: nearly everything is told"),
    "slub_debug=FZPU": N_("red zones and poison: damage is told when it is found"),
    "production": N_("a distribution's kernel: mostly it says nothing"),
}
UPTIMES: Final = {
    "fresh": N_("freshly booted"),
    "worn": N_("up for days"),
    "fragmented": N_("fragmented memory"),
}


@dataclass(frozen=True, slots=True)
class Setup:
    """Where and how to run: words that name machine, wear and checkers, and the event script."""

    machine: str = "256M"
    uptime: str = "fresh"
    checkers: str = "debug"
    script: str = SCRIPT

    def words(self) -> dict[str, str]:
        """The set-up as a draft keeps it."""
        return {
            "machine": self.machine,
            "uptime": self.uptime,
            "checkers": self.checkers,
            "script": self.script,
        }

    def with_words(self, words: Mapping[str, str], machines: Sequence[str]) -> Setup:
        """The set-up of a draft; what this program does not know stays as it is."""
        found = self
        if words.get("machine") in machines:
            found = replace(found, machine=words["machine"])
        if words.get("uptime") in UPTIMES:
            found = replace(found, uptime=words["uptime"])
        if words.get("checkers") in (*CHECKERS, *machines):
            found = replace(found, checkers=words["checkers"])
        if "script" in words:
            found = replace(found, script=words["script"])
        return found


LEVEL: Final = "level"
"""The word for the level's own machine and checkers."""


@dataclass(frozen=True, slots=True)
class LabCase:
    """What the lab is opened with.

    `draft` names the draft in the store. A `path` is the file that saving writes. A case of a
    level brings the level's machine; with `slot` the text is the answer to that slot.
    """

    draft: str
    title: str
    text: str
    file: str = "driver.c"
    path: str = ""
    setup: Setup = field(default_factory=Setup)
    level: str = ""
    slot: str = ""
    spec: MachineSpec | None = None
    uptime: str = "fresh"
    wear: int = 1
    builtin: bool = False

    def machines(self) -> tuple[str, ...]:
        """The words of the machines to choose from."""
        own = (LEVEL,) if self.spec is not None else ()
        return (*own, *(name for name, _spec in MACHINES))

    def checkers(self) -> tuple[str, ...]:
        """The words of the checkers to choose from."""
        return ((LEVEL,) if self.spec is not None else ()) + CHECKERS

    def machine_words(self, setup: Setup) -> str:
        """Memory, CPUs and checkers, for the head of a screen."""
        spec = self.machine_of(setup)
        size = f"{spec.ram >> 30} GiB" if spec.ram % (1 << 30) == 0 else f"{spec.ram >> 20} MiB"
        cpus = ngettext("{count} CPU", "{count} CPUs", spec.cpus).format(count=spec.cpus)
        checkers = setup.checkers
        if checkers == LEVEL:
            chosen = spec.checkers
            on = [item.name for item in fields(chosen) if getattr(chosen, item.name)]
            checkers = ", ".join(on).replace("_", "-") or "production"
        return f"{size} · {cpus} · {checkers}"

    def machine_of(self, setup: Setup) -> MachineSpec:
        """The machine that a set-up means, with its checkers."""
        own = self.spec or MachineSpec()
        spec = dict(MACHINES).get(setup.machine, own)
        if setup.checkers != LEVEL:
            return replace(spec, checkers=Checkers.preset(setup.checkers))
        return replace(spec, checkers=own.checkers)


def checkers_words(setup: Setup) -> str:
    """The checkers as the player reads them."""
    return _("as the level has it") if setup.checkers == LEVEL else setup.checkers


def empty_case() -> LabCase:
    """The lab without a file."""
    return LabCase("lab", _("new driver"), START)


@dataclass(frozen=True, slots=True)
class Problem:
    """A message about the source, or about the script (`where` is script); both count from 1."""

    line: int
    column: int
    severity: str
    message: str
    hint: str = ""
    where: str = "source"


class ScriptWrong(Exception):
    """A script that cannot be run; holds the problem with its line."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One run of the fault sweep: which allocation was failed, and what came of it.

    `line` and `step` lead to the allocation; `result` and `notes` are words.
    """

    number: int
    line: int
    call: str
    context: str
    survived: bool
    result: str
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A fault sweep: its rows, how many allocations there are, whether the driver took all well.

    `cut` is not empty when some were left out.
    """

    rows: tuple[SweepRow, ...]
    points: int
    survives: bool
    cut: str = ""


Script = tuple[str | dict[str, Any], ...]
