"""The page allocator: what the rest of the kernel calls (`mm/page_alloc.c`).

The zones' inner life is next door: `buddy`, `pcp`, `fallback`, `highatomic`, `watermark`; the
search over zones is in `zone_scan`, waiting for memory in `slowpath`, checks on frames in
`page_check`.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.address import PAGE_SIZE, pfn_to_page
from kmemquest.kernel.events import AllocationFailed
from kmemquest.kernel.mm import buddy, page_exact, page_poison, pcp, slowpath
from kmemquest.kernel.mm.alloc_flags import ALLOC_NOFRAGMENT, ALLOC_WMARK_LOW
from kmemquest.kernel.mm.page_check import (
    bad_to_hand_out,
    drop_written_reference,
    free_is_refused,
    overfreed,
    refuse_free_frames,
    refuse_reserved,
    written_count,
)
from kmemquest.kernel.mm.page_events import pages_freed
from kmemquest.kernel.mm.page_fast import BUDDY_FREE_COST, FREE_COST, ZONE_SELECTORS, FastPath
from kmemquest.kernel.mm.zone import (
    ISOLATE,
    MAX_PAGE_ORDER,
    MIGRATE_PCPTYPES,
    MIGRATE_TYPES,
    MOVABLE,
    NO_PAGE,
    NR_PAGE_ORDERS,
    PAGE_ALLOC_COSTLY_ORDER,
    PAGEBLOCK_ORDER,
    PCP_LIST_ORDER,
    Node,
    PerCpuPages,
    Zone,
)
from kmemquest.kernel.mm.zone_scan import get_page_from_freelist, rmqueue

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.reclaim import Reclaim


class PageAllocator(FastPath):
    """Zones, their free pages, and every call that takes or gives pages.

    How a machine boots it, in this order:

        pages = PageAllocator(machine)              # then machine.pages = pages
        pages.add_zone(nid, index, start_pfn, end_pfn, present_pages)   # each, ascending
        pages.build_zonelists()                     # optional: distances[nid][nid]
        pages.free_range(start_pfn, end_pfn)        # each free memblock range, ascending
        pages.enable_pcp()                          # setup_per_cpu_pageset
        pages.setup_watermarks()                    # init_per_zone_wmark_min; GFP_KERNEL may
                                                    # block from here on
        pages.recommend_min_free()                  # THP; does nothing on small machines
        pages.free_reserved_range(start, end)       # initrd and init sections, later

    `setup_watermarks(min_free_kbytes)` again at any time is a write to vm.min_free_kbytes.
    """

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.movable: dict[int, int] = {}
        """pfn -> owner word of pages that may be migrated or reclaimed."""

    # --- allocating -------------------------------------------------------------------------

    def alloc_pages_fully(self, gfp: int, order: int, nid: int | None = None) -> int:
        """Do what `alloc_pages` promises, whatever the case."""
        if gfp not in self._plans:
            self._make_plan(gfp)
        if order > MAX_PAGE_ORDER:
            return self._refuse_order(gfp, order)
        gfp &= self.gfp_allowed_mask
        if gfp & ZONE_SELECTORS and self._two_zones(gfp):
            return NO_PAGE
        if self._context.task.flags:
            gfp = self._context.scoped_gfp(gfp)
        if gfp & _gfp.DIRECT_RECLAIM:
            self._checks.might_sleep("alloc_pages", gfp)
        if nid is None or not 0 <= nid < len(self.nodes):
            nid = self.local_node
        wants = self._wants.get((gfp, nid))
        zones, ceiling, migratetype, flags = wants or self._work_out_wants(gfp, nid)
        pfn = get_page_from_freelist(self, gfp, order, flags, zones, ceiling, migratetype)
        if pfn < 0:
            request = slowpath.Request(gfp, order, nid, zones, ceiling, migratetype)
            pfn = slowpath.alloc_pages_slowpath(self, request)
        return pfn

    def _work_out_wants(self, gfp: int, nid: int) -> tuple[tuple[Zone, ...], int, int, int]:
        """Find the zones, the highest zone index, the migratetype and the flags of a request."""
        ceiling = _gfp.zone_index(gfp)
        zones = self.scan_order(nid, gfp, ceiling)
        flags = ALLOC_WMARK_LOW | gfp & _gfp.KSWAPD_RECLAIM
        if zones and self.may_forbid_fragmenting(zones[0]):
            flags |= ALLOC_NOFRAGMENT
        wants = self._wants[gfp, nid] = (zones, ceiling, self.migratetype_of(gfp), flags)
        return wants

    def rmqueue(self, zone: Zone, order: int, migratetype: int, alloc_flags: int) -> int:
        """Take a block from a zone; NO_PAGE when it gives none."""
        return rmqueue(self, zone, order, migratetype, alloc_flags)

    def _two_zones(self, gfp: int) -> bool:
        """DEBUG_VM stops at zone selectors that exclude each other (`gfp.h:gfp_zone`).

        Without it such a mask silently means zone DMA.
        """
        chosen = gfp & ZONE_SELECTORS
        if chosen & (chosen - 1) == 0 or not self.machine.checks.config.debug_vm:
            return False
        from kmemquest.kernel.check.oops import bug

        bug(self.machine, "include/linux/gfp.h", 143, "gfp_zone", kind="zone-selectors-conflict")
        return True

    def _refuse_order(self, gfp: int, order: int) -> int:
        if not gfp & _gfp.NOWARN:
            from kmemquest.kernel.check.oops import warn_once

            warn_once(
                self.machine,
                "alloc_pages order",
                "mm/page_alloc.c",
                4817,
                "__alloc_pages_noprof+0x303/0x310",
            )
        if self._events.active:
            self._events.emit(
                AllocationFailed(order, gfp, f"order {order} exceeds the largest, {MAX_PAGE_ORDER}")
            )
        return NO_PAGE

    def alloc_pages_exact(self, size: int, gfp: int, nid: int | None = None) -> int:
        """Return the first of exactly ⌈size/4096⌉ contiguous frames, or NO_PAGE."""
        return page_exact.alloc_pages_exact(self, size, gfp, nid)

    def free_pages_exact(self, pfn: int, size: int) -> None:
        """Free what `alloc_pages_exact` gave for the same size in bytes."""
        for frame in range(pfn, pfn + -(-size // PAGE_SIZE)):
            self.free_pages(frame, 0)
            if self.zone_at(frame) is None:
                # The walk has left the memory map, and the fault was told.
                return

    def alloc_pages_bulk(self, gfp: int, count: int, nid: int | None = None) -> list[int]:
        """Return up to `count` single frames (`alloc_pages_bulk_noprof`)."""
        return page_exact.alloc_pages_bulk(self, gfp, count, nid)

    def split_page(self, pfn: int, order: int) -> None:
        """Make 2**order single pages of a non-compound block, each with refcount 1."""
        if order > MAX_PAGE_ORDER:
            self.machine.fault(pfn_to_page(self.machine.memory.max_pfn), 8, write=True)
            return
        self.frames.orders.pop(pfn, None)
        self.frames.set_single(range(pfn, pfn + (1 << order)))

    # --- freeing ----------------------------------------------------------------------------

    def free_pages_fully(self, pfn: int, order: int) -> None:
        """Do what `free_pages` promises, whatever the case."""
        if order > MAX_PAGE_ORDER:
            # The walk over that many struct pages leaves the memory map.
            self.machine.fault(pfn_to_page(self.machine.memory.max_pfn), 8, write=True)
            return
        refcounts = self.frames.refcounts
        if self.frames.orders.get(pfn, 0) != order:
            self.frames.distrusted.add(pfn)
        trusted = not (self.frames.suspects or self.frames.written_counts)
        if trusted and refcounts.get(pfn) == 1:
            del refcounts[pfn]
            self.free_unref_page(pfn, order)
        elif self._drop_reference(pfn, "__free_pages"):
            if not refuse_reserved(self, pfn):
                self.free_unref_page(pfn, order)
        elif order and pfn not in self.frames.compound and self.zone_at(pfn) is not None:
            self.frames.orders.pop(pfn, None)
            while order > 0:
                order -= 1
                part = pfn + (1 << order)
                if not refuse_free_frames(self, part, order):
                    self.free_unref_page(part, order)

    def free_unref_page(self, pfn: int, order: int) -> None:
        """Free a block nobody refers to: to the per-CPU list, or merge it at once."""
        zone = self.zone_at(pfn)
        if zone is None:
            self.machine.fault(pfn_to_page(pfn), 8, write=True)
            return
        to_pcp = order <= PAGE_ALLOC_COSTLY_ORDER or order == PAGEBLOCK_ORDER
        if not self._prepare_free(zone, pfn, order, to_pcp=to_pcp):
            return
        migratetype = zone.pageblocks.get(pfn >> PAGEBLOCK_ORDER, MOVABLE)
        if not to_pcp:
            self.clock.now += BUDDY_FREE_COST
            buddy.split_large_buddy(zone, pfn, order)
            return
        if migratetype >= MIGRATE_PCPTYPES:
            if migratetype == ISOLATE:
                buddy.free_one_page(zone, pfn, order, migratetype)
                return
            migratetype = MOVABLE
        self.clock.now += FREE_COST
        pcp.free_to_pcp(zone, pfn, order, migratetype)

    def free_to_buddy(self, pfn: int, order: int, *, to_tail: bool = False) -> None:
        """Free a block past the per-CPU lists (`__free_pages_ok`)."""
        zone = self.zone_of(pfn)
        if self._prepare_free(zone, pfn, order, to_pcp=False):
            self.clock.now += BUDDY_FREE_COST
            buddy.split_large_buddy(zone, pfn, order, to_tail=to_tail)

    def _prepare_free(self, zone: Zone, pfn: int, order: int, *, to_pcp: bool) -> bool:
        """Check and clear a block's frames (`free_pages_prepare`); False leaks it."""
        frames = self.frames
        if self.checks_pages and free_is_refused(self, pfn, order):
            return False
        if order or pfn in frames.orders:
            frames.orders.pop(pfn, None)
            frames.compound.pop(pfn, None)
        if self._kasan is not None:
            self._kasan.pages_freed(pfn, order)
        if self.init_on_free:
            self.machine.memory.zero_frames(pfn, 1 << order)
        if self.poisons:
            page_poison.poison(self.machine, pfn, order)
        if self._events.active:
            self._events.emit(pages_freed(pfn, order, zone, to_pcp))
        return True

    # --- references -------------------------------------------------------------------------

    def page_count(self, pfn: int) -> int:
        """Return the reference count of the page (of the head, if it is compound)."""
        head = self.frames.compound_head(pfn)
        if head in self.frames.written_counts:
            return written_count(self, head)
        return self.frames.refcount(head)

    def get_page(self, pfn: int) -> None:
        """Take one more reference."""
        head = self.frames.compound_head(pfn)
        self.frames.set_refcount(head, self.frames.refcount(head) + 1)

    def put_page(self, pfn: int) -> None:
        """Drop a reference; the last one frees the (whole compound) page."""
        head = self.frames.compound_head(pfn)
        if self._drop_reference(head, "put_page") and not refuse_reserved(self, head):
            self.frames.clear_lru(head)
            self.free_unref_page(head, self.frames.compound_order(head))

    def _drop_reference(self, pfn: int, function: str) -> bool:
        """Decrement `_refcount`; tell whether it became 0 (`put_page_testzero`)."""
        if self.zone_at(pfn) is None:
            self.machine.fault(pfn_to_page(pfn), 8, write=True)
            return False
        if pfn in self.frames.written_counts:
            return drop_written_reference(self, pfn)
        count = self.frames.refcount(pfn)
        if count == 0 and overfreed(self, pfn, function):
            return False
        self.frames.set_refcount(pfn, count - 1)
        return count == 1

    # --- helpers of the search and the slow path --------------------------------------------

    @property
    def reclaim(self) -> Reclaim | None:
        """The machine's reclaim, or None before it exists."""
        return getattr(self.machine, "reclaim", None)

    def wake_kswapd(self, zone: Zone, order: int, gfp: int, ceiling: int | None = None) -> None:
        """Wake the kswapd of a zone's node (`wakeup_kswapd`)."""
        reclaim = self.reclaim
        if reclaim is not None:
            reclaim.wake_kswapd(zone.node, order, zone.index if ceiling is None else ceiling, gfp)

    def leaks(self, pfn: int, order: int) -> bool:
        """Check a block before handing it out; a bad one is reported and leaked."""
        return self.checks_pages and bad_to_hand_out(self, pfn, order)

    # --- boot's hand-over -------------------------------------------------------------------

    def free_range(self, start_pfn: int, end_pfn: int) -> None:
        """Hand the frames [start, end) over at boot: to the list tails, largest blocks first.

        `mm/memblock.c:__free_pages_memory`, `mm/page_alloc.c:__free_pages_core`. The part that
        is whole order-10 blocks stays one run until something touches it.
        """
        pfn = start_pfn
        while pfn < end_pfn:
            zone = self.zone_of(pfn)
            stop = min(end_pfn, zone.end_pfn)
            run_end = stop >> MAX_PAGE_ORDER << MAX_PAGE_ORDER
            order = min(MAX_PAGE_ORDER, (pfn & -pfn).bit_length() - 1) if pfn else MAX_PAGE_ORDER
            while pfn + (1 << order) > stop:
                order -= 1
            if order == MAX_PAGE_ORDER and self._all_movable(pfn, run_end):
                buddy.free_pristine_run(zone, pfn, run_end)
                size = run_end - pfn
            else:
                buddy.split_large_buddy(zone, pfn, order, to_tail=True)
                size = 1 << order
            zone.managed += size
            self.frames.add_managed(pfn, pfn + size)
            pfn += size

    def _all_movable(self, start: int, end: int) -> bool:
        return not any(start <= block << PAGEBLOCK_ORDER < end for block in self.pageblocks)

    def free_reserved_range(self, start_pfn: int, end_pfn: int) -> None:
        """Free reserved frames one by one as ordinary pages (`free_reserved_area`)."""
        for pfn in range(start_pfn, end_pfn):
            self.zone_of(pfn).managed += 1
            self.frames.add_managed(pfn, pfn + 1)
            self.free_unref_page(pfn, 0)

    # --- per-CPU lists ----------------------------------------------------------------------

    def drain_all_pages(self) -> None:
        """Empty all CPUs' lists, CPU by CPU and zone by zone, on the running CPU's account."""
        for cpu in range(self.cpus):
            for zone in self.zones:
                pcp.drain_zone(zone, zone.pagesets[cpu])

    def vmstat_tick(self) -> None:
        """Do what each CPU's vmstat worker does once a second: fold differences, decay lists."""
        for cpu in range(self.cpus):
            with self.acting_as(cpu):
                for zone in self.zones:
                    pcp.decay_high(zone, zone.pageset)
                    zone.free += zone.diff
                    zone.diff = 0
                    zone.calm = False

    # --- looking ----------------------------------------------------------------------------

    def nr_free_pages(self) -> int:
        """Return all zones' global free counters, as `free` and /proc/meminfo read them."""
        return sum(max(zone.free, 0) for zone in self.zones)

    def pageblock_type(self, pfn: int) -> int:
        """Return the migratetype of the pageblock a frame lies in."""
        return self.pageblocks.get(pfn >> PAGEBLOCK_ORDER, MOVABLE)

    def free_blocks(self, zone: Zone, limit: int | None = None) -> FreeBlocks:
        """Return {order: {migratetype: first pfns, head first}} for the lists that are not empty.

        `limit` cuts every list after that many blocks; pristine memory is then not expanded.
        """
        found: FreeBlocks = {}
        for order in range(NR_PAGE_ORDERS):
            by_type: dict[int, tuple[int, ...]] = {}
            for migratetype in range(MIGRATE_TYPES):
                listed = zone.free_lists[migratetype][order]
                if listed:
                    by_type[migratetype] = tuple(islice(listed, limit))
            if by_type:
                found[order] = by_type
        return found

    def pcp_contents(self, zone: Zone, cpu: int = 0) -> dict[tuple[int, int], tuple[int, ...]]:
        """Return {(order, list index): first pfns, head first} of one CPU's lists."""
        pageset: PerCpuPages = zone.pagesets[cpu]
        return {
            (PCP_LIST_ORDER[index], index): tuple(listed)
            for index, listed in enumerate(pageset.lists)
            if listed
        }

    def on_pcp(self, pfn: int) -> bool:
        """Tell whether a frame lies in a block on some CPU's list."""
        zone = self.zone_at(pfn)
        if zone is None:
            return False
        return any(
            start <= pfn < start + (1 << PCP_LIST_ORDER[index])
            for pageset in zone.pagesets
            for index, listed in enumerate(pageset.lists)
            for start in listed
        )

    def free_block_at(self, pfn: int) -> tuple[int, int] | None:
        """Return (first pfn, order) of the free buddy block a frame lies in, or None."""
        zone = self.zone_at(pfn)
        return None if zone is None else buddy.find_free_block(zone, pfn)


FreeBlocks = dict[int, dict[int, tuple[int, ...]]]
"""order -> migratetype -> first pfns of the blocks, head first."""


__all__ = ["NO_PAGE", "Node", "PageAllocator", "Zone"]
