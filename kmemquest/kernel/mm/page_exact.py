"""Requests that are not a power of two: exact sizes and bulk (`mm/page_alloc.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.address import get_order, pages_for
from kmemquest.kernel.mm.alloc_flags import ALLOC_WMARK_LOW
from kmemquest.kernel.mm.pcp import take_from_pcp
from kmemquest.kernel.mm.watermark import watermark_fast
from kmemquest.kernel.mm.zone import WMARK_LOW, Zone
from kmemquest.kernel.mm.zone_scan import prep_new_page

if TYPE_CHECKING:
    from kmemquest.kernel.mm.page_alloc import PageAllocator


def alloc_pages_exact(pages: PageAllocator, size: int, gfp: int, nid: int | None) -> int:
    """Take a power-of-two block and give back what `size` bytes do not need, to list tails."""
    if gfp & (_gfp.COMP | _gfp.HIGHMEM):
        from kmemquest.kernel.check.oops import warn_once

        warn_once(
            pages.machine,
            "alloc_pages_exact flags",
            "mm/page_alloc.c",
            5017,
            "alloc_pages_exact_noprof",
        )
        gfp &= ~(_gfp.COMP | _gfp.HIGHMEM)
    order = get_order(size)
    pfn = pages.alloc_pages(gfp, order, nid)
    if pfn < 0:
        return pfn
    count = pages_for(size)
    pages.split_page(pfn, order)
    for frame in range(pfn + count, pfn + (1 << order)):
        del pages.frames.refcounts[frame]
        pages.free_to_buddy(frame, 0, to_tail=True)
    return pfn


def alloc_pages_bulk(pages: PageAllocator, gfp: int, count: int, nid: int | None) -> list[int]:
    """Take single pages from one zone's per-CPU list; one ordinary page where that fails."""
    if count <= 0:
        return []
    if count > 1 and not gfp & _gfp.ACCOUNT:
        taken = _from_one_zone(pages, gfp, count, nid)
        if taken:
            return taken
    pfn = pages.alloc_pages(gfp, 0, nid)
    return [pfn] if pfn >= 0 else []


def _from_one_zone(pages: PageAllocator, gfp: int, count: int, nid: int | None) -> list[int]:
    gfp = pages.machine.context.scoped_gfp(gfp & pages.gfp_allowed_mask)
    if gfp & _gfp.DIRECT_RECLAIM:
        pages.machine.checks.might_sleep("alloc_pages_bulk", gfp)
    home = pages.local_node if nid is None or nid < 0 else nid
    zones = pages.scan_order(home, gfp, _gfp.zone_index(gfp))
    zone = _bulk_zone(zones, count)
    if zone is None:
        return []
    migratetype = pages.migratetype_of(gfp)
    taken: list[int] = []
    pages.from_pcp = True
    while len(taken) < count:
        pfn = take_from_pcp(zone, zone.pageset, 0, migratetype, ALLOC_WMARK_LOW)
        if pfn < 0:
            break
        if pages.frames.suspects and pages.leaks(pfn, 0):
            continue
        prep_new_page(pages, zone, pfn, 0, gfp, migratetype)
        taken.append(pfn)
    return taken


def _bulk_zone(zones: tuple[Zone, ...], count: int) -> Zone | None:
    """Return the first zone of the preferred node that has all the pages above its low mark."""
    for zone in zones:
        if zone.node != zones[0].node:
            return None
        mark = zone.mark(WMARK_LOW) + count
        if watermark_fast(zone, 0, mark, zones[0].index, ALLOC_WMARK_LOW):
            return zone
    return None
