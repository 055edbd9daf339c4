"""Machines on which answers are computed: each question gets one of its own, freshly booted."""

from __future__ import annotations

from functools import cache

from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, MachineSpec


@cache
def _booted(ram: int, cpus: int) -> bytes:
    return Machine.boot(MachineSpec(ram=ram, cpus=cpus)).snapshot()


def machine_with(ram: int = 256 * MIB, cpus: int = 1) -> Machine:
    """Return a machine as it is after boot; nothing that was asked before has touched it.

    `ram` is bytes. The boot itself is done once per process and size.
    """
    return Machine.restore(_booted(ram, cpus))


def free_pages(machine: Machine) -> int:
    """Count the free page frames of all zones, those on per-CPU lists included."""
    return sum(zone.true_free() + zone.pcp_pages() for zone in machine.pages.zones)
