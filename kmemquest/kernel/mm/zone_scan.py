"""The search for a zone that may give pages, and taking them (`mm/page_alloc.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, pfn_to_virt
from kmemquest.kernel.mm import page_poison, watermark
from kmemquest.kernel.mm.alloc_flags import (
    ALLOC_HIGHATOMIC,
    ALLOC_KSWAPD,
    ALLOC_NO_WATERMARKS,
    ALLOC_NOFRAGMENT,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
    ALLOC_WMARK_MASK,
)
from kmemquest.kernel.mm.buddy import rmqueue_smallest
from kmemquest.kernel.mm.fallback import rmqueue_with_fallback
from kmemquest.kernel.mm.frame import ONCE
from kmemquest.kernel.mm.highatomic import reserve_pageblock
from kmemquest.kernel.mm.page_events import pages_allocated
from kmemquest.kernel.mm.pcp import rmqueue_pcplist, take_from_pcp
from kmemquest.kernel.mm.zone import (
    HIGHATOMIC,
    NO_PAGE,
    PAGE_ALLOC_COSTLY_ORDER,
    PAGEBLOCK_ORDER,
    WMARK_HIGH,
    ZONE_BELOW_HIGH,
    ZONE_BOOSTED_WATERMARK,
    Zone,
)

if TYPE_CHECKING:
    from kmemquest.kernel.mm.page_alloc import PageAllocator

PCP_COST: Final = 68
"""Nanoseconds of a request served by a per-CPU list (2.7 × a kmalloc-64 of 25 ns)."""
BUDDY_COST: Final = 150
"""Nanoseconds of a request that takes the zone lock and splits blocks."""
ZERO_COST_SHIFT: Final = 3
"""Zeroing takes a nanosecond per 2**3 bytes."""


def get_page_from_freelist(
    pages: PageAllocator,
    gfp: int,
    order: int,
    alloc_flags: int,
    zones: tuple[Zone, ...],
    ceiling: int,
    migratetype: int,
) -> int:
    """Return the first frame of a block from the first zone that may give one, or NO_PAGE."""
    while True:
        rescan = admitted = False
        keep_types = alloc_flags & ALLOC_NOFRAGMENT
        for zone in zones:
            if keep_types and zone.node != zones[0].node:
                # Mixing types at home is better than going to another node.
                rescan = True
                break
            if not _admits(zone, order, ceiling, alloc_flags):
                continue
            admitted = True
            pfn = rmqueue(pages, zone, order, migratetype, alloc_flags)
            if pfn >= 0:
                prep_new_page(pages, zone, pfn, order, gfp, migratetype)
                if alloc_flags & ALLOC_HIGHATOMIC:
                    reserve_pageblock(zone, pfn, order)
                return pfn
        if not (rescan or keep_types):
            return NO_PAGE
        if not (rescan or admitted or pages.machine.events.active):
            # Linux scans once more, and every zone refuses again.
            return NO_PAGE
        alloc_flags &= ~ALLOC_NOFRAGMENT


def _admits(zone: Zone, order: int, ceiling: int, alloc_flags: int) -> bool:
    """Check a zone's watermarks; notes on the zone when it falls below high."""
    # A request for more than one page has no quick way to succeed.
    holds = watermark.watermark_ok if order else watermark.watermark_fast
    if not zone.flags & ZONE_BELOW_HIGH:
        mark = zone.boosted[WMARK_HIGH]
        # The plain case first: whatever the rights, this much free memory satisfies the check.
        if not order and zone.free - zone.nr_free_highatomic > mark + zone.reserve[ceiling]:
            return True
        if holds(zone, order, mark, ceiling, alloc_flags):
            return True
        zone.flags |= ZONE_BELOW_HIGH
    mark = zone.boosted[alloc_flags & ALLOC_WMARK_MASK]
    if holds(zone, order, mark, ceiling, alloc_flags):
        return True
    if zone.events.active:
        watermark.report_failed(zone, order, mark, ceiling, alloc_flags)
    return bool(alloc_flags & ALLOC_NO_WATERMARKS)


def rmqueue(
    pages: PageAllocator, zone: Zone, order: int, migratetype: int, alloc_flags: int
) -> int:
    """Take a block: from the per-CPU list if the order has one, else from the buddy lists."""
    pfn = NO_PAGE
    if order <= PAGE_ALLOC_COSTLY_ORDER or order == PAGEBLOCK_ORDER:
        pfn = rmqueue_pcplist(zone, order, migratetype, alloc_flags)
        while pfn >= 0 and pages.frames.suspects and pages.leaks(pfn, order):
            pfn = take_from_pcp(zone, zone.pageset, order, migratetype, alloc_flags)
        pages.from_pcp = True
        pages.clock.now += PCP_COST
    if pfn < 0:
        pfn = _rmqueue_buddy(zone, order, migratetype, alloc_flags)
        while pfn >= 0 and pages.frames.suspects and pages.leaks(pfn, order):
            pfn = _rmqueue_buddy(zone, order, migratetype, alloc_flags)
        pages.from_pcp = False
        pages.clock.now += BUDDY_COST
    if zone.flags & ZONE_BOOSTED_WATERMARK and alloc_flags & ALLOC_KSWAPD:
        zone.flags &= ~ZONE_BOOSTED_WATERMARK
        pages.wake_kswapd(zone, 0, 0)
    return pfn


def _rmqueue_buddy(zone: Zone, order: int, migratetype: int, alloc_flags: int) -> int:
    """Take a block under the zone lock; the HighAtomic reserve comes first or last."""
    if alloc_flags & ALLOC_HIGHATOMIC:
        pfn = rmqueue_smallest(zone, order, HIGHATOMIC)
    else:
        pfn = rmqueue_smallest(zone, order, migratetype)
    if pfn < 0:
        pfn, _ = rmqueue_with_fallback(zone, order, migratetype, alloc_flags)
        if pfn < 0 and alloc_flags & (ALLOC_OOM | ALLOC_NON_BLOCK):
            pfn = rmqueue_smallest(zone, order, HIGHATOMIC)
    return pfn


def prep_new_page(
    pages: PageAllocator, zone: Zone, pfn: int, order: int, gfp: int, migratetype: int
) -> None:
    """Make a block ready for its new owner (`prep_new_page`, `post_alloc_hook`)."""
    frames = pages.frames
    frames.refcounts[pfn] = 1 if order or pfn in frames.orders else ONCE
    if order:
        frames.orders[pfn] = order
        if gfp & _gfp.COMP:
            frames.compound[pfn] = order
    machine = pages.machine
    if pages.init_on_alloc or gfp & _gfp.ZERO:
        machine.memory.zero_frames(pfn, 1 << order)
        pages.clock.now += PAGE_SIZE << order >> ZERO_COST_SHIFT
    else:
        if pages.poisons:
            page_poison.show_poison(machine, pfn, order)
        machine.memory.mark_stale(pfn_to_virt(pfn), 1 << order + PAGE_SHIFT)
    kasan = machine.checks.kasan
    if kasan is not None:
        kasan.pages_allocated(pfn, order)
    if zone.events.active:
        zone.events.emit(pages_allocated(pfn, order, gfp, migratetype, zone, pages.from_pcp))
