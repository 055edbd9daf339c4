"""When a migratetype runs dry: claim a pageblock, or steal a block (`mm/page_alloc.c`)."""

from __future__ import annotations

from typing import Final

from kmemquest.kernel.mm.alloc_flags import ALLOC_KSWAPD, ALLOC_NOFRAGMENT
from kmemquest.kernel.mm.buddy import (
    account,
    convert_pageblock,
    expand,
    free_blocks_in_pageblock,
    move_free_blocks,
    pageblock_in_zone,
    rmqueue_smallest,
    take_block,
)
from kmemquest.kernel.mm.watermark import boost_watermark
from kmemquest.kernel.mm.zone import (
    HIGHATOMIC,
    MAX_PAGE_ORDER,
    MIGRATE_PCPTYPES,
    MOVABLE,
    NO_PAGE,
    NR_PAGE_ORDERS,
    PAGEBLOCK_ORDER,
    PAGEBLOCK_PAGES,
    RECLAIMABLE,
    UNMOVABLE,
    ZONE_BOOSTED_WATERMARK,
    Zone,
)

FALLBACKS: Final = (
    (RECLAIMABLE, MOVABLE),
    (RECLAIMABLE, UNMOVABLE),
    (UNMOVABLE, MOVABLE),
)
"""Per wanted type, the types to take from, best first (`fallbacks`)."""

MODE_NORMAL: Final = 0
MODE_STEAL: Final = 3
"""`enum rmqueue_mode`: remembered over one refill of a per-CPU list."""


def rmqueue_with_fallback(
    zone: Zone, order: int, migratetype: int, alloc_flags: int, mode: int = MODE_NORMAL
) -> tuple[int, int]:
    """Take a block of a type, or of another as a last resort; return (pfn, next mode).

    `mm/page_alloc.c:__rmqueue`.
    """
    if mode == MODE_NORMAL:
        pfn = rmqueue_smallest(zone, order, migratetype)
        if pfn >= 0:
            return pfn, MODE_NORMAL
        pfn = claim_pageblock(zone, order, migratetype, alloc_flags)
        if pfn >= 0:
            return pfn, MODE_NORMAL
    if not alloc_flags & ALLOC_NOFRAGMENT:
        pfn = steal_block(zone, order, migratetype)
        if pfn >= 0:
            return pfn, MODE_STEAL
    return NO_PAGE, mode


def find_suitable_fallback(zone: Zone, order: int, migratetype: int) -> int:
    """Return the first fallback type with a block of exactly this order, or -1."""
    if migratetype >= MIGRATE_PCPTYPES:
        return -1
    for candidate in FALLBACKS[migratetype]:
        listed = zone.free_lists[candidate][order]
        if listed.front or listed.back or listed.runs:
            return candidate
    return -1


def may_claim(zone: Zone, order: int, migratetype: int) -> bool:
    """Tell whether a block of this order is worth a whole pageblock (`can_steal_fallback`)."""
    return (
        order >= PAGEBLOCK_ORDER // 2
        or migratetype in (RECLAIMABLE, UNMOVABLE)
        or zone.grouping_disabled
    )


def claim_pageblock(zone: Zone, order: int, migratetype: int, alloc_flags: int) -> int:
    """Convert a pageblock of another type, largest free block first (`__rmqueue_claim`)."""
    smallest = order
    if order < PAGEBLOCK_ORDER and alloc_flags & ALLOC_NOFRAGMENT:
        smallest = PAGEBLOCK_ORDER
    for have in range(MAX_PAGE_ORDER, smallest - 1, -1):
        fallback = find_suitable_fallback(zone, have, migratetype)
        if fallback < 0:
            continue
        if not may_claim(zone, have, migratetype):
            break
        block = zone.free_lists[fallback][have].head()
        pfn = _try_to_claim(zone, block, have, order, migratetype, fallback, alloc_flags)
        if pfn >= 0:
            return pfn
    return NO_PAGE


def _try_to_claim(
    zone: Zone,
    block: int,
    have: int,
    order: int,
    migratetype: int,
    fallback: int,
    alloc_flags: int,
) -> int:
    """Claim the pageblock(s) of one free block if enough of it suits (`try_to_steal_block`)."""
    if zone.pageblock_type(block) == HIGHATOMIC:
        return NO_PAGE
    if have >= PAGEBLOCK_ORDER:
        take_block(zone, block, have, fallback)
        account(zone, -(1 << have), fallback)
        for start in range(block, block + (1 << have), PAGEBLOCK_PAGES):
            convert_pageblock(zone, start, migratetype, "claimed whole")
        expand(zone, block, order, have, migratetype)
        account(zone, (1 << have) - (1 << order), migratetype)
        return block
    if boost_watermark(zone) and alloc_flags & ALLOC_KSWAPD:
        zone.flags |= ZONE_BOOSTED_WATERMARK
    if not pageblock_in_zone(zone, block):
        return NO_PAGE
    blocks = free_blocks_in_pageblock(zone, block)
    free = sum(1 << free_order for _, free_order in blocks)
    movable = zone.frames.lru_in_pageblock.get(block >> PAGEBLOCK_ORDER, 0)
    if migratetype == MOVABLE:
        alike = movable
    elif fallback == MOVABLE:
        alike = PAGEBLOCK_PAGES - free - movable
    else:
        alike = 0
    if free + alike < PAGEBLOCK_PAGES // 2 and not zone.grouping_disabled:
        return NO_PAGE
    move_free_blocks(zone, blocks, fallback, migratetype)
    convert_pageblock(zone, block, migratetype, "claimed")
    return rmqueue_smallest(zone, order, migratetype)


def steal_block(zone: Zone, order: int, migratetype: int) -> int:
    """Take the smallest foreign block, leaving its pageblock's type (`__rmqueue_steal`)."""
    for have in range(order, NR_PAGE_ORDERS):
        fallback = find_suitable_fallback(zone, have, migratetype)
        if fallback >= 0:
            return rmqueue_smallest(zone, order, fallback)
    return NO_PAGE
