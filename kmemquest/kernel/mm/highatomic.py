"""The HighAtomic reserve: pageblocks kept for high-order atomic requests (`mm/page_alloc.c`)."""

from __future__ import annotations

from collections.abc import Iterable

from kmemquest.kernel.mm.buddy import (
    convert_pageblock,
    free_blocks_in_pageblock,
    move_free_blocks,
    pageblock_in_zone,
)
from kmemquest.kernel.mm.zone import (
    HIGHATOMIC,
    MIGRATE_PCPTYPES,
    NR_PAGE_ORDERS,
    PAGEBLOCK_ORDER,
    PAGEBLOCK_PAGES,
    Zone,
)


def reserve_pageblock(zone: Zone, pfn: int, order: int) -> None:
    """Reserve the pageblock of a page just given to an atomic high-order request.

    At most 1 % of the zone, and nothing in zones below 200 MiB (`reserve_highatomic_pageblock`).
    """
    percent = zone.managed // 100
    if percent < PAGEBLOCK_PAGES:
        return
    if zone.nr_reserved_highatomic >= -(-percent // PAGEBLOCK_PAGES) * PAGEBLOCK_PAGES:
        return
    before = zone.pageblock_type(pfn)
    if before >= MIGRATE_PCPTYPES:
        return
    if order < PAGEBLOCK_ORDER:
        if not pageblock_in_zone(zone, pfn):
            return
        move_free_blocks(zone, free_blocks_in_pageblock(zone, pfn), before, HIGHATOMIC)
        convert_pageblock(zone, pfn, HIGHATOMIC, "reserved")
        zone.nr_reserved_highatomic += PAGEBLOCK_PAGES
    else:
        for start in range(pfn, pfn + (1 << order), PAGEBLOCK_PAGES):
            convert_pageblock(zone, start, HIGHATOMIC, "reserved")
        zone.nr_reserved_highatomic += 1 << order


def unreserve_pageblock(zones: Iterable[Zone], migratetype: int, *, force: bool) -> bool:
    """Give one reserved pageblock back to `migratetype`; tell whether anything moved.

    Without `force` every zone keeps its last pageblock (`unreserve_highatomic_pageblock`).
    """
    for zone in zones:
        if not force and zone.nr_reserved_highatomic <= PAGEBLOCK_PAGES:
            continue
        for order in range(NR_PAGE_ORDERS):
            listed = zone.free_lists[HIGHATOMIC][order]
            if listed and _unreserve(zone, listed.head(), order, migratetype):
                return True
    return False


def _unreserve(zone: Zone, pfn: int, order: int, migratetype: int) -> bool:
    if zone.pageblock_type(pfn) != HIGHATOMIC:
        return False
    size = max(PAGEBLOCK_PAGES, 1 << order)
    zone.nr_reserved_highatomic -= min(size, zone.nr_reserved_highatomic)
    if order < PAGEBLOCK_ORDER:
        if not pageblock_in_zone(zone, pfn):
            return False
        blocks = free_blocks_in_pageblock(zone, pfn)
    else:
        blocks = [(pfn, order)]
    moved = move_free_blocks(zone, blocks, HIGHATOMIC, migratetype)
    for start in range(pfn, pfn + (1 << order), PAGEBLOCK_PAGES):
        convert_pageblock(zone, start, migratetype, "unreserved")
    return moved > 0
