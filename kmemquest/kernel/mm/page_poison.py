"""Free pages filled with a pattern (`mm/page_poison.c`): `page_poison=1` on a kernel built for it.

A distribution's kernel is built without CONFIG_PAGE_POISONING and does not know the word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, pfn_to_virt

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.spec import MachineSpec

PAGE_POISON: Final = 0xAA


def wanted(spec: MachineSpec) -> bool:
    """Tell whether free pages are poisoned; then nothing else initialises pages."""
    return spec.checkers.debug_vm and spec.option("page_poison") in ("1", "on", "y")


def poison(machine: Machine, pfn: int, order: int) -> None:
    """Fill 2**order frames that are being freed (`__kernel_poison_pages`)."""
    machine.memory.fill(pfn_to_virt(pfn), PAGE_POISON, PAGE_SIZE << order)


def show_poison(machine: Machine, pfn: int, order: int) -> None:
    """Let frames that nobody has touched yet hold what boot filled all free pages with."""
    if machine.phase != "running":
        return
    frames = machine.memory.frames
    for frame in range(pfn, pfn + (1 << order)):
        if frame not in frames:
            machine.memory.write_physical(frame << PAGE_SHIFT, bytes([PAGE_POISON]) * PAGE_SIZE)
