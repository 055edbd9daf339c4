"""Watermarks: how they are computed and how they are checked (`mm/page_alloc.c`). All in pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isqrt
from typing import Final

from kmemquest.kernel.events import WatermarkFailed
from kmemquest.kernel.mm.alloc_flags import (
    ALLOC_HIGHATOMIC,
    ALLOC_MIN_RESERVE,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
    ALLOC_RESERVES,
    ALLOC_WMARK_MASK,
)
from kmemquest.kernel.mm.zone import (
    HIGHATOMIC,
    MAX_NR_ZONES,
    MIGRATE_PCPTYPES,
    NR_PAGE_ORDERS,
    PAGEBLOCK_PAGES,
    WMARK_HIGH,
    WMARK_MIN,
    ZONE_MOVABLE,
    ZONE_NORMAL,
    Node,
    Zone,
)

WATERMARK_SCALE_FACTOR: Final = 10
"""`vm.watermark_scale_factor`: distance between the marks in 1/10000 of managed."""
WATERMARK_BOOST_FACTOR: Final = 15_000
"""`vm.watermark_boost_factor`: the cap of the boost in 1/10000 of the high mark."""
LOWMEM_RESERVE_RATIO: Final = (256, 256, 32, 0, 0)
MIN_FREE_KBYTES_FLOOR: Final = 128
MIN_FREE_KBYTES_CEILING: Final = 262_144
THP_MINIMUM_PAGES: Final = 512 << (20 - 12)
"""Below this many managed pages transparent huge pages are off (`mm/huge_memory.c`)."""
_PAGE_KIB_SHIFT: Final = 2


# --- computing ----------------------------------------------------------------------------


def free_buffer_pages(zones: Iterable[Zone]) -> int:
    """Sum what the zones up to Normal hold above their high marks (`nr_free_buffer_pages`)."""
    return sum(
        max(zone.managed - zone.mark(WMARK_HIGH), 0) for zone in zones if zone.index <= ZONE_NORMAL
    )


def calculate_min_free_kbytes(zones: Sequence[Zone]) -> int:
    """Return the boot value of `vm.min_free_kbytes` (`calculate_min_free_kbytes`)."""
    wanted = isqrt((free_buffer_pages(zones) << _PAGE_KIB_SHIFT) * 16)
    return min(max(wanted, MIN_FREE_KBYTES_FLOOR), MIN_FREE_KBYTES_CEILING)


def recommended_min_free_kbytes(zones: Sequence[Zone]) -> int:
    """Return what THP wants at least (`mm/khugepaged.c:set_recommended_min_free_kbytes`)."""
    populated = sum(1 for zone in zones if zone.managed and zone.index <= ZONE_NORMAL)
    pages = PAGEBLOCK_PAGES * populated * 2
    pages += PAGEBLOCK_PAGES * populated * MIGRATE_PCPTYPES * MIGRATE_PCPTYPES
    return min(pages, free_buffer_pages(zones) // 20) << _PAGE_KIB_SHIFT


def set_watermarks(zones: Sequence[Zone], min_free_kbytes: int) -> None:
    """Set min, low, high and promo of every zone (`__setup_per_zone_wmarks`)."""
    pages_min = min_free_kbytes >> _PAGE_KIB_SHIFT
    lowmem = sum(zone.managed for zone in zones if zone.index != ZONE_MOVABLE)
    for zone in zones:
        share = pages_min * zone.managed // lowmem if lowmem else 0
        if zone.index == ZONE_MOVABLE:
            minimum = min(max(zone.managed // 1024, 32), 128)
        else:
            minimum = share
        step = max(share >> 2, zone.managed * WATERMARK_SCALE_FACTOR // 10_000)
        zone.boost = 0
        zone.marks = [minimum + step * factor for factor in range(4)]


def set_lowmem_reserves(nodes: Iterable[Node]) -> None:
    """Set what higher requests must leave in lower zones (`setup_per_zone_lowmem_reserve`)."""
    for node in nodes:
        by_index = {zone.index: zone for zone in node.zones}
        for zone in node.zones:
            ratio = LOWMEM_RESERVE_RATIO[zone.index]
            above = 0
            reserve = [0] * MAX_NR_ZONES
            for index in range(zone.index + 1, MAX_NR_ZONES):
                upper = by_index.get(index)
                above += upper.managed if upper is not None else 0
                usable = ratio and zone.managed
                reserve[index] = above // ratio if usable else 0
            zone.lowmem_reserve = reserve


def set_stat_thresholds(zones: Iterable[Zone], cpus: int) -> None:
    """Set when a CPU's pending difference folds (`mm/vmstat.c:calculate_normal_threshold`)."""
    for zone in zones:
        size = (zone.managed >> 15).bit_length()
        zone.stat_threshold = min(125, 2 * cpus.bit_length() * (1 + size))


def boost_watermark(zone: Zone) -> bool:
    """Raise the boost after a pageblock got mixed; tell whether boosting is on for the zone."""
    if zone.managed < 4 * PAGEBLOCK_PAGES:
        return False
    cap = zone.marks[WMARK_HIGH] * WATERMARK_BOOST_FACTOR // 10_000
    if not cap:
        return False
    zone.boost = min(zone.boost + PAGEBLOCK_PAGES, max(PAGEBLOCK_PAGES, cap))
    return True


# --- checking -----------------------------------------------------------------------------


def watermark_ok(zone: Zone, order: int, mark: int, ceiling: int, alloc_flags: int) -> bool:
    """Tell whether a zone keeps more than `mark` after 2**order pages, and has a block for them.

    `ceiling` is the highest zone index of the request (`__zone_watermark_ok`).
    """
    # This is unusable_free() and lowered_mark(), spelled out: most requests have no such right.
    free = max(0, zone.free)
    free -= (1 << order) - 1
    if alloc_flags & ALLOC_RESERVES:
        mark = lowered_mark(mark, alloc_flags)
    else:
        free -= zone.nr_free_highatomic
    if free <= mark + zone.reserve[ceiling]:
        return False
    return order == 0 or has_block(zone, order, alloc_flags)


def unusable_free(zone: Zone, order: int, alloc_flags: int) -> int:
    """Return the free pages that do not count (`__zone_watermark_unusable_free`)."""
    unusable = (1 << order) - 1
    if not alloc_flags & ALLOC_RESERVES:
        unusable += zone.nr_free_highatomic
    return unusable


def lowered_mark(mark: int, alloc_flags: int) -> int:
    """Return the mark as far as the request's rights lower it."""
    if alloc_flags & ALLOC_MIN_RESERVE:
        mark -= mark // 2
        if alloc_flags & ALLOC_NON_BLOCK:
            mark -= mark // 4
    if alloc_flags & ALLOC_OOM:
        mark -= mark // 2
    return mark


def has_block(zone: Zone, order: int, alloc_flags: int) -> bool:
    """Tell whether a free block of at least this order exists for the request."""
    types = MIGRATE_PCPTYPES
    if alloc_flags & (ALLOC_HIGHATOMIC | ALLOC_OOM):
        types = HIGHATOMIC + 1
    for lists in zone.free_lists[:types]:
        for have in range(NR_PAGE_ORDERS - 1, order - 1, -1):
            listed = lists[have]
            if listed.front or listed.back or listed.runs:
                return True
    return False


def watermark_fast(zone: Zone, order: int, mark: int, ceiling: int, alloc_flags: int) -> bool:
    """Check a mark as the zonelist scan does (`zone_watermark_fast`)."""
    if order == 0:
        free = zone.free
        reserved = 0 if alloc_flags & ALLOC_RESERVES else zone.nr_free_highatomic
        # Also for a negative counter: nothing usable is then compared as 0.
        usable = free - reserved if free > reserved else 0
        if usable > mark + zone.reserve[ceiling]:
            return True
        if not alloc_flags & ALLOC_RESERVES:
            return False
    if watermark_ok(zone, order, mark, ceiling, alloc_flags):
        return True
    if order == 0 and alloc_flags & ALLOC_MIN_RESERVE and zone.boost:
        if alloc_flags & ALLOC_WMARK_MASK == WMARK_MIN:
            return watermark_ok(zone, 0, zone.marks[WMARK_MIN], ceiling, alloc_flags)
    return False


def report_failed(zone: Zone, order: int, mark: int, ceiling: int, alloc_flags: int) -> None:
    """Emit why a zone was passed over."""
    free = max(zone.free, 0) - unusable_free(zone, order, alloc_flags)
    needed = lowered_mark(mark, alloc_flags) + zone.lowmem_reserve[ceiling]
    zone.events.emit(
        WatermarkFailed(zone.node, zone.name, order, free, needed, shortage=free <= needed)
    )
