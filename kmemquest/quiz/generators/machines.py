"""Machines on which answers are computed: booted once per process and size."""

from __future__ import annotations

from functools import cache

from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, MachineSpec


@cache
def machine_with(ram: int = 256 * MIB, cpus: int = 1) -> Machine:
    """Return a booted machine; questions give back what they take."""
    return Machine.boot(MachineSpec(ram=ram, cpus=cpus))
