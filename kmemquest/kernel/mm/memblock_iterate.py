"""Walks over memblock's memory minus its reservations (`mm/memblock.c:__next_mem_range`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kmemquest.kernel.address import PAGE_SHIFT, pages_for
from kmemquest.kernel.mm.memblock_regions import (
    DRIVER_MANAGED,
    HOTPLUG,
    MIRROR,
    NOMAP,
    PHYS_ADDR_MAX,
    Region,
)

if TYPE_CHECKING:
    from kmemquest.kernel.mm.memblock_map import MemblockMap

Range = tuple[int, int, int]
"""(start, end, nid); bytes, the end is exclusive."""


def skipped(memblock: MemblockMap, region: Region, nid: int, flags: int) -> bool:
    """Tell whether an iteration leaves a RAM region out (`should_skip_region`)."""
    has = region.flags
    return (
        (0 <= nid < memblock.max_numnodes and nid != region.nid)
        or bool(memblock.movable_node and has & HOTPLUG and not flags & HOTPLUG)
        or bool(flags & MIRROR and not has & MIRROR)
        or bool(has & NOMAP and not flags & NOMAP)
        or bool(has & DRIVER_MANAGED and not flags & DRIVER_MANAGED)
    )


def free_ranges(memblock: MemblockMap, nid: int, flags: int) -> Iterator[Range]:
    """Yield the free ranges upward.

    Touching reservations that were not merged enclose an empty range, which is yielded too.
    """
    reserved = memblock.reserved.regions
    gap = 0
    for region in memblock.memory.regions:
        if skipped(memblock, region, nid, flags):
            continue
        start, end = region.base, region.end
        while gap <= len(reserved):
            low = reserved[gap - 1].end if gap else 0
            high = reserved[gap].base if gap < len(reserved) else PHYS_ADDR_MAX
            if low >= end:
                break
            if start < high:
                yield max(start, low), min(end, high), region.nid
                if end <= high:
                    break
            gap += 1


def free_ranges_reverse(memblock: MemblockMap, nid: int, flags: int) -> Iterator[Range]:
    """Yield the free ranges downward."""
    reserved = memblock.reserved.regions
    gap = len(reserved)
    for region in reversed(memblock.memory.regions):
        if skipped(memblock, region, nid, flags):
            continue
        start, end = region.base, region.end
        while gap >= 0:
            low = reserved[gap - 1].end if gap else 0
            high = reserved[gap].base if gap < len(reserved) else PHYS_ADDR_MAX
            if high <= start:
                break
            if end > low:
                yield max(start, low), min(end, high), region.nid
                if start >= low:
                    break
            gap -= 1


def pfn_ranges(memblock: MemblockMap, nid: int) -> list[Range]:
    """Return whole pages of RAM as (start pfn, end pfn, nid); no flag is looked at."""
    ranges = []
    for region in memblock.memory.regions:
        if 0 <= nid < memblock.max_numnodes and nid != region.nid:
            continue
        start, end = pages_for(region.base), region.end >> PAGE_SHIFT
        if start < end:
            ranges.append((start, end, region.nid))
    return ranges
