"""The well-trodden path through the page allocator, in as few steps as possible.

Everything here is the common case of what `page_alloc`, `zone_scan` and `pcp` spell out: no
listener, no checker, plenty of memory in the preferred zone, a page on the per-CPU list. Each
test below leaves to the complete path before anything has changed, so both give the same result;
the replay of recordings runs through both.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.address import PAGE_SIZE, STRUCT_PAGE_SIZE
from kmemquest.kernel.context import Context
from kmemquest.kernel.mm import page_poison
from kmemquest.kernel.mm.alloc_flags import ALLOC_NOFRAGMENT, ALLOC_WMARK_LOW
from kmemquest.kernel.mm.buddy import free_one_page, pageblock_in_zone, rmqueue_smallest
from kmemquest.kernel.mm.frame import ONCE
from kmemquest.kernel.mm.layout import ZoneLayout
from kmemquest.kernel.mm.page_check import COUNT_AT, COUNT_BYTES
from kmemquest.kernel.mm.page_events import pages_allocated, pages_freed
from kmemquest.kernel.mm.pcp import PCP_BATCH_SCALE_MAX, list_index, pcp_allows
from kmemquest.kernel.mm.zone import (
    MIGRATE_PCPTYPES,
    MOVABLE,
    NR_PAGE_ORDERS,
    PAGE_ALLOC_COSTLY_ORDER,
    PAGEBLOCK_ORDER,
    PCP_FREE_HIGH_BATCH,
    PCP_PREV_FREE_HIGH_ORDER,
    PerCpuPages,
    Zone,
)
from kmemquest.kernel.mm.zone_scan import BUDDY_COST, PCP_COST, ZERO_COST_SHIFT

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

FREE_COST: Final = 38
"""Nanoseconds of a free that stays on a per-CPU list (1.5 × a kmalloc-64 of 25 ns)."""
BUDDY_FREE_COST: Final = 110
"""Nanoseconds of a free that takes the zone lock and merges."""

ZONE_SELECTORS: Final = _gfp.GFP_DMA_BIT | _gfp.DMA32_BIT | _gfp.HIGHMEM
"""At most one of these may be in a mask."""

_ZERO_COSTS: Final = tuple(PAGE_SIZE << order >> ZERO_COST_SHIFT for order in range(11))


@dataclass(slots=True)
class _Route:
    """What a gfp mask and an order come to on this CPU, worked out once."""

    zone: Zone
    pcp: PerCpuPages
    listed: deque[int]
    """The per-CPU list; for orders without one, a list that stays empty."""
    pages: int
    mask: int
    """A bit for each page."""
    pcp_cost: int
    buddy_cost: int
    zero_cost: int
    unlisted: bool
    """Whether blocks of this order never lie on a per-CPU list."""
    compound: bool
    sleeps: bool
    gfp: int
    """The mask as far as it is in force."""
    migratetype: int
    alloc_flags: int


@dataclass(slots=True)
class _Home:
    """Where the blocks of one pageblock go when this CPU frees them."""

    zone: Zone
    pcp: PerCpuPages
    lists: tuple[deque[int], ...]
    """The per-CPU list of each order from 0 to 3 for the pageblock's type."""
    migratetype: int


def _is_nested(context: Context) -> bool:
    """Tell whether the context is anything but plain process context, where all may sleep."""
    return bool(
        context.preempt_depth
        or context.irqs_disabled_depth
        or context.softirq_depth
        or context.hardirq_depth
        or context.nmi_depth
        or context.rcu_depth
    )


class FastPath(ZoneLayout):
    """`alloc_pages` and `free_pages` for the plain case."""

    __slots__ = (
        "_checks",
        "_compound",
        "_context",
        "_distrusted",
        "_events",
        "_kasan",
        "_orders",
        "_plain",
        "_refcounts",
        "_special",
        "_touched",
        "checks_pages",
        "clock",
        "from_pcp",
        "init_on_alloc",
        "init_on_free",
        "poisons",
    )

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.clock = machine.clock
        self._events = machine.events
        self._context = machine.context
        self._checks = machine.checks
        self._kasan = machine.checks.kasan
        spec = machine.spec
        poisoned = self.poisons = page_poison.wanted(spec)
        self.init_on_alloc = spec.option("init_on_alloc", "1") not in ("0", "off") and not poisoned
        """Whether every page is zeroed when handed out; on in a distribution's kernel."""
        self.init_on_free = spec.option("init_on_free", "0") in ("1", "on") and not poisoned
        self.checks_pages = (
            self.init_on_alloc or self.init_on_free or poisoned or spec.checkers.debug_vm
        )
        """Whether frames are checked when handed out and taken back (`check_pages_enabled`)."""
        frames = self.frames
        self._refcounts = frames.refcounts
        self._orders = frames.orders
        self._compound = frames.compound
        self._special = frames.special
        self._distrusted = frames.distrusted
        self._touched = machine.memory.touched
        self.from_pcp = False
        """Whether the last block taken came from a per-CPU list."""
        self._plain = self.init_on_alloc and not self.init_on_free and self._kasan is None

    def _make_plan(self, gfp: int) -> None:
        """Remember what a mask means for each order; nothing where the fast path may not go."""
        mask = gfp & self.gfp_allowed_mask
        sleeps = bool(mask & _gfp.DIRECT_RECLAIM)
        zones = self.scan_order(self.local_node, mask, _gfp.zone_index(mask))
        migratetype = self.migratetype_of(mask)
        silent = not (sleeps and self._checks.config.atomic_sleep)
        selectors = gfp & ZONE_SELECTORS
        clear = selectors & (selectors - 1) == 0 and migratetype < MIGRATE_PCPTYPES
        if not (self._plain and silent and zones and clear):
            self._plans[gfp] = (None,) * NR_PAGE_ORDERS
            return
        zone = zones[0]
        alloc_flags = ALLOC_WMARK_LOW | mask & _gfp.KSWAPD_RECLAIM
        if self.may_forbid_fragmenting(zone):
            alloc_flags |= ALLOC_NOFRAGMENT
        self._plans[gfp] = tuple(
            _Route(
                zone,
                zone.pageset,
                zone.pageset.lists[list_index(order, migratetype)]
                if pcp_allows(order)
                else deque(),
                1 << order,
                (1 << (1 << order)) - 1,
                PCP_COST + zeroing,
                BUDDY_COST + zeroing,
                zeroing,
                not pcp_allows(order),
                bool(mask & _gfp.COMP),
                sleeps,
                mask,
                migratetype,
                alloc_flags,
            )
            for order, zeroing in enumerate(_ZERO_COSTS)
        )

    def alloc_pages(self, gfp: int, order: int, nid: int | None = None) -> int:
        """Return the first of 2**order contiguous frames, or NO_PAGE (`__alloc_pages`)."""
        try:
            route: _Route | None = self._plans[gfp][order]
        except LookupError:
            return self.alloc_pages_fully(gfp, order, nid)
        if (
            route is None
            or (nid is not None and nid != self.local_node)
            or self._context.task.flags
            or self._distrusted
        ):
            return self.alloc_pages_fully(gfp, order, nid)
        zone = route.zone
        watched = self._events.active
        if not (zone.calm or zone.is_calm(single=not order and bool(route.listed))) or (
            watched and route.sleeps and _is_nested(self._context)
        ):
            return self.alloc_pages_fully(gfp, order)
        if route.listed:
            pfn = route.listed.popleft()
            pcp = route.pcp
            pcp.count -= route.pages
            if pcp.free_count:
                pcp.free_count >>= 1
            self.clock.now += route.pcp_cost
            from_pcp = True
        elif route.unlisted:
            pfn = rmqueue_smallest(zone, order, route.migratetype)
            if pfn < 0:
                return self.alloc_pages_fully(gfp, order)
            self.clock.now += route.buddy_cost
            from_pcp = False
        else:
            pfn = self.rmqueue(zone, order, route.migratetype, route.alloc_flags)
            self.clock.now += route.zero_cost
            from_pcp = self.from_pcp
        if order:
            self._refcounts[pfn] = 1
            self._orders[pfn] = order
            if route.compound:
                self._compound[pfn] = order
        else:
            self._refcounts[pfn] = ONCE
        block = pfn >> PAGEBLOCK_ORDER
        if block in self._touched and (
            order > PAGEBLOCK_ORDER or self._touched[block] >> (pfn & 511) & route.mask
        ):
            self.machine.memory.zero_frames(pfn, route.pages)
        if watched:
            self._events.emit(
                pages_allocated(pfn, order, route.gfp, route.migratetype, zone, from_pcp)
            )
        return pfn

    def free_pages(self, pfn: int, order: int) -> None:
        """Drop a reference and free 2**order frames with the last one (`__free_pages`).

        With references left, the rest of a block that is not compound is freed all the same.
        """
        try:
            home = self._homes[pfn >> PAGEBLOCK_ORDER]
            references = self._refcounts[pfn]
        except KeyError:
            self._find_home(pfn)
            self.free_pages_fully(pfn, order)
            return
        pcp = home.pcp
        if order:
            if order > PAGE_ALLOC_COSTLY_ORDER:
                self._free_large(home, pfn, order, references)
                return
            size = 1 << order
            count = pcp.count + size
            flags = pcp.flags
            orders = self._orders
            if (
                references != 1
                or pfn not in orders
                or orders[pfn] != order
                or pfn in self._special
                or (count >= pcp.room and count >= self._room(pcp))
                or home.zone.flags
                or (
                    flags & PCP_PREV_FREE_HIGH_ORDER
                    and pcp.free_count >= pcp.batch
                    and (count >= pcp.batch or not flags & PCP_FREE_HIGH_BATCH)
                )
            ):
                self.free_pages_fully(pfn, order)
                return
            pcp.flags = flags | PCP_PREV_FREE_HIGH_ORDER
            del orders[pfn]
            if pfn in self._compound:
                del self._compound[pfn]
        else:
            size = 1
            count = pcp.count + 1
            if (
                references is not ONCE
                or (count >= pcp.room and count >= self._room(pcp))
                or home.zone.flags
            ):
                self.free_pages_fully(pfn, order)
                return
            if pcp.flags & PCP_PREV_FREE_HIGH_ORDER:
                pcp.flags &= ~PCP_PREV_FREE_HIGH_ORDER
        del self._refcounts[pfn]
        if self._events.active:
            self._events.emit(pages_freed(pfn, order, home.zone, True))
        home.lists[order].appendleft(pfn)
        pcp.count = count
        if pcp.alloc_factor:
            pcp.alloc_factor >>= 1
        if pcp.free_count < pcp.free_limit:
            pcp.free_count += size
        self.clock.now += FREE_COST

    def _find_home(self, pfn: int) -> None:
        """Note where the blocks of a frame's pageblock go, if it is wholly within one zone."""
        zone = self.zone_at(pfn)
        migratetype = self.pageblocks.get(pfn >> PAGEBLOCK_ORDER, MOVABLE)
        if zone is None or migratetype >= MIGRATE_PCPTYPES or not pageblock_in_zone(zone, pfn):
            return
        if pfn >> PAGEBLOCK_ORDER in self.frames.written_maps:
            return
        pcp = zone.pageset
        lists = tuple(pcp.lists[migratetype : MIGRATE_PCPTYPES * 4 : MIGRATE_PCPTYPES])
        self._homes[pfn >> PAGEBLOCK_ORDER] = _Home(zone, pcp, lists, migratetype)

    def note_written_map(self, start: int, size: int) -> None:
        """Note that a driver writes bytes of the memory map: frees look at these struct pages."""
        for pfn in range(start // STRUCT_PAGE_SIZE, (start + size - 1) // STRUCT_PAGE_SIZE + 1):
            self.frames.written_maps.add(pfn >> PAGEBLOCK_ORDER)
            self._homes.pop(pfn >> PAGEBLOCK_ORDER, None)
            count = pfn * STRUCT_PAGE_SIZE + COUNT_AT
            hit = start < count + COUNT_BYTES and count < start + size
            if hit and pfn in self.frames.refcounts:
                self.frames.written_counts.add(pfn)

    def _room(self, pcp: PerCpuPages) -> int:
        """Find out anew from which count on a free must look further."""
        if self._plain and pcp.high_min <= pcp.high <= pcp.high_max:
            pcp.room = pcp.high
            pcp.free_limit = pcp.batch << PCP_BATCH_SCALE_MAX
        return pcp.room

    def _free_large(self, home: _Home, pfn: int, order: int, references: int) -> None:
        """Free a block past the per-CPU lists, unless it fills its pageblock."""
        if (
            references != 1
            or self._orders.get(pfn) != order
            or pfn in self._special
            or order >= PAGEBLOCK_ORDER
            or not self._plain
        ):
            self.free_pages_fully(pfn, order)
            return
        del self._refcounts[pfn]
        del self._orders[pfn]
        if pfn in self._compound:
            del self._compound[pfn]
        if self._events.active:
            self._events.emit(pages_freed(pfn, order, home.zone, False))
        self.clock.now += BUDDY_FREE_COST
        free_one_page(home.zone, pfn, order, home.migratetype)

    def alloc_pages_fully(self, gfp: int, order: int, nid: int | None = None) -> int:
        """Do what `alloc_pages` promises, whatever the case."""
        raise NotImplementedError

    def rmqueue(self, zone: Zone, order: int, migratetype: int, alloc_flags: int) -> int:
        """Take a block from a zone; NO_PAGE when it gives none."""
        raise NotImplementedError

    def free_pages_fully(self, pfn: int, order: int) -> None:
        """Do what `free_pages` promises, whatever the case."""
        raise NotImplementedError
