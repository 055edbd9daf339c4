"""/proc/buddyinfo (`mm/vmstat.c:frag_show_print`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.kernel.mm.zone import NR_PAGE_ORDERS

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine


def buddyinfo(machine: Machine) -> str:
    """Render the free blocks per order; pages on per-CPU lists are not in it."""
    lines = []
    for zone in machine.pages.zones:
        counts = "".join(f"{zone.nr_free(order):6d} " for order in range(NR_PAGE_ORDERS))
        lines.append(f"Node {zone.node}, zone {zone.name:>8} {counts}\n")
    return "".join(lines)
