"""A machine without a boot: what a replay needs around the one subsystem it tests."""

from __future__ import annotations

import random

from kmemquest.kernel.check.checks import Checks
from kmemquest.kernel.clock import Clock
from kmemquest.kernel.context import Context, Task
from kmemquest.kernel.events import EventStream
from kmemquest.kernel.log import KernelLog
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.memory import Memory
from kmemquest.kernel.spec import MachineSpec


def bare_machine(spec: MachineSpec, max_pfn: int) -> Machine:
    """Return a machine with clock, log, events, checks and memory, and no subsystem at all.

    The caller sets the subsystems it needs (`machine.pages = …`); frames up to `max_pfn` exist.
    """
    machine = Machine.__new__(Machine)
    machine.spec = spec
    machine.random = random.Random(spec.seed)
    machine.clock = Clock()
    machine.events = EventStream()
    machine.log = KernelLog(machine.clock, machine.events)
    machine.context = Context(Task(pid=140, comm="insmod"))
    machine.checks = Checks(machine)
    machine.fate = Fate.RUNNING
    machine.phase = "running"
    machine.memory = Memory(machine, max_pfn)
    return machine
