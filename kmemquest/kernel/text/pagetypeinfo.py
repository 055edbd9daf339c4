"""/proc/pagetypeinfo (`mm/vmstat.c:pagetypeinfo_show`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.mm.zone import (
    MIGRATE_TYPES,
    MIGRATETYPE_NAMES,
    MOVABLE,
    NR_PAGE_ORDERS,
    PAGEBLOCK_ORDER,
    Zone,
)

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

COUNT_LIMIT: Final = 100_000
"""The kernel stops counting a list here and prints `>100000`."""


def pagetypeinfo(machine: Machine) -> str:
    """Render free blocks per order and migratetype, and pageblocks per migratetype.

    The kernel writes the whole table anew for each node.
    """
    lines: list[str] = []
    for node in machine.pages.nodes:
        lines += _node_table(machine, [z for z in machine.pages.zones if z.node == node.id])
    return "\n".join(lines) + "\n"


def _node_table(machine: Machine, zones: list[Zone]) -> list[str]:
    heading = "Free pages count per migrate type at order"
    lines = [
        f"Page block order: {PAGEBLOCK_ORDER}",
        f"Pages per block:  {1 << PAGEBLOCK_ORDER}",
        "",
        f"{heading:<43} " + "".join(f"{order:6d} " for order in range(NR_PAGE_ORDERS)),
    ]
    for zone in zones:
        for migratetype, name in enumerate(MIGRATETYPE_NAMES):
            counts = "".join(_count(zone, migratetype, order) for order in range(NR_PAGE_ORDERS))
            lines.append(f"Node {zone.node:4d}, zone {zone.name:>8}, type {name:>12} {counts}")
    lines.append("")
    names = "".join(f"{name:>12} " for name in MIGRATETYPE_NAMES)
    lines.append(f"{'Number of blocks type ':<23}{names}")
    for zone in zones:
        counts = "".join(f"{count:12d} " for count in pageblock_counts(machine, zone))
        lines.append(f"Node {zone.node}, zone {zone.name:>8} {counts}")
    return lines


def _count(zone: Zone, migratetype: int, order: int) -> str:
    count = len(zone.free_lists[migratetype][order])
    text = f">{COUNT_LIMIT}" if count >= COUNT_LIMIT else str(count)
    return f"{text:>6} "


def pageblock_counts(machine: Machine, zone: Zone) -> list[int]:
    """Return the number of pageblocks of each migratetype that begin in RAM of a zone.

    `mm/vmstat.c:pagetypeinfo_showblockcount_print`.
    """
    first, last = zone.start_pfn >> PAGEBLOCK_ORDER, (zone.end_pfn - 1) >> PAGEBLOCK_ORDER
    counts = [0] * MIGRATE_TYPES
    for block, migratetype in machine.pages.pageblocks.items():
        if first <= block <= last:
            counts[migratetype] += 1
    counts[MOVABLE] = _present_blocks(machine, zone) - sum(counts)
    return counts


def _present_blocks(machine: Machine, zone: Zone) -> int:
    """Count the pageblocks of a zone that hold RAM (those in holes are not counted)."""
    total = 0
    last_seen = -1
    for low, high, node in machine.memblock.pfn_ranges():
        start, end = max(low, zone.start_pfn), min(high, zone.end_pfn)
        if node != zone.node or start >= end:
            continue
        first = max(start >> PAGEBLOCK_ORDER, last_seen + 1)
        last_seen = (end - 1) >> PAGEBLOCK_ORDER
        total += last_seen - first + 1
    return total
