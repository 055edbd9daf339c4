"""The well-trodden path through the page allocator, in as few steps as possible.

Everything here is the common case of what `page_alloc`, `zone_scan` and `pcp` spell out: no
listener, no checker, plenty of memory in the preferred zone, a page on the per-CPU list. Each
test below leaves to the complete path before anything has changed, so both give the same result;
the replay of recordings runs through both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.address import PAGE_SIZE
from kmemquest.kernel.memory import Memory
from kmemquest.kernel.mm.buddy import free_one_page, rmqueue_smallest
from kmemquest.kernel.mm.layout import ZoneLayout
from kmemquest.kernel.mm.pcp import PCP_BATCH_SCALE_MAX
from kmemquest.kernel.mm.zone import (
    MAX_PAGE_ORDER,
    MIGRATE_PCPTYPES,
    MOVABLE,
    NO_PAGE,
    PAGE_ALLOC_COSTLY_ORDER,
    PAGEBLOCK_ORDER,
    PCP_FREE_HIGH_BATCH,
    PCP_PREV_FREE_HIGH_ORDER,
    Zone,
)
from kmemquest.kernel.mm.zone_scan import BUDDY_COST, PCP_COST, ZERO_COST_SHIFT

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

FREE_COST: Final = 38
"""Nanoseconds of a free that stays on a per-CPU list (1.5 × a kmalloc-64 of 25 ns)."""
BUDDY_FREE_COST: Final = 110
"""Nanoseconds of a free that takes the zone lock and merges."""

_ZERO_COSTS: Final = tuple(PAGE_SIZE << order >> ZERO_COST_SHIFT for order in range(11))
_PCP_COSTS: Final = tuple(PCP_COST + zeroing for zeroing in _ZERO_COSTS)
_BUDDY_COSTS: Final = tuple(BUDDY_COST + zeroing for zeroing in _ZERO_COSTS)


class _Plan(NamedTuple):
    """What a gfp mask means on this CPU, worked out once."""

    zone: Zone
    migratetype: int
    compound: bool
    memory: Memory


class FastPath(ZoneLayout):
    """`alloc_pages` and `free_pages` for the plain case."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.clock = machine.clock
        self._events = machine.events
        self._context = machine.context
        self._checks = machine.checks
        self._kasan = machine.checks.kasan
        spec = machine.spec
        poisoned = spec.option("page_poison", "0") not in ("0", "off")
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
        self._typed = frames.typed
        self._suspects = frames.suspects
        self._plain = self.init_on_alloc and not self.init_on_free and self._kasan is None

    def _make_plan(self, gfp: int) -> None:
        """Remember what a mask means, if the fast path may serve it at all."""
        mask = gfp & self.gfp_allowed_mask
        sleeps = mask & _gfp.DIRECT_RECLAIM and self._checks.config.atomic_sleep
        ceiling = _gfp.zone_index(mask)
        zones = self.scan_order(self.local_node, mask, ceiling)
        migratetype = self.migratetype_of(mask)
        if self._plain and not sleeps and zones and migratetype < MIGRATE_PCPTYPES:
            compound = bool(mask & _gfp.COMP)
            memory = self.machine.memory
            self._plans[gfp] = _Plan(zones[0], migratetype, compound, memory)

    def alloc_pages(self, gfp: int, order: int, nid: int | None = None) -> int:
        """Return the first of 2**order contiguous frames, or NO_PAGE (`__alloc_pages`)."""
        plan: _Plan | None = self._plans.get(gfp)
        if plan is None or nid is not None or self._events.active or self._context.task.flags:
            return self.alloc_pages_fully(gfp, order, nid)
        zone, migratetype, compound, memory = plan
        if zone.free <= zone.comfort or zone.flags or self._suspects:
            return self.alloc_pages_fully(gfp, order)
        if order:
            largest = zone.largest
            if order > MAX_PAGE_ORDER or not (largest.runs or largest.front or largest.back):
                return self.alloc_pages_fully(gfp, order)
        if order <= PAGE_ALLOC_COSTLY_ORDER:
            pcp = zone.pageset
            listed = pcp.lists[3 * order + migratetype]
            if not listed:
                return self.alloc_pages_fully(gfp, order)
            pfn = listed.popleft()
            if pcp.free_count:
                pcp.free_count >>= 1
            pcp.count -= 1 << order
            self.clock.now += _PCP_COSTS[order]
        elif order == PAGEBLOCK_ORDER:
            return self.alloc_pages_fully(gfp, order)
        else:
            pfn = rmqueue_smallest(zone, order, migratetype)
            if pfn == NO_PAGE:
                return self.alloc_pages_fully(gfp, order)
            self.clock.now += _BUDDY_COSTS[order]
        self._refcounts[pfn] = 1
        if order:
            self._orders[pfn] = order
            if compound:
                self._compound[pfn] = order
        if memory.frames or memory.stale:
            memory.zero_frames(pfn, 1 << order)
        return pfn

    def free_pages(self, pfn: int, order: int) -> None:
        """Drop a reference and free 2**order frames with the last one (`__free_pages`).

        With references left, the rest of a block that is not compound is freed all the same.
        """
        zone = self._last
        if (
            self._refcounts.get(pfn) != 1
            or self._orders.get(pfn, 0) != order
            or zone is None
            or not zone.start_pfn <= pfn < zone.end_pfn
            or self._suspects
            or pfn in self._typed
            or order >= PAGEBLOCK_ORDER
            or self._events.active
            or not self._plain
        ):
            self.free_pages_fully(pfn, order)
            return
        migratetype = self.pageblocks.get(pfn >> PAGEBLOCK_ORDER, MOVABLE)
        if order > PAGE_ALLOC_COSTLY_ORDER:
            free_one_page(zone, pfn, order, migratetype)
            self.clock.now += BUDDY_FREE_COST
        else:
            pcp = zone.pageset
            high = pcp.high
            count = pcp.count + (1 << order)
            if (
                count >= high
                or not pcp.high_min <= high <= pcp.high_max
                or zone.flags
                or migratetype >= MIGRATE_PCPTYPES
            ):
                self.free_pages_fully(pfn, order)
                return
            flags = pcp.flags
            if order:
                if (
                    flags & PCP_PREV_FREE_HIGH_ORDER
                    and pcp.free_count >= pcp.batch
                    and (count >= pcp.batch or not flags & PCP_FREE_HIGH_BATCH)
                ):
                    self.free_pages_fully(pfn, order)
                    return
                pcp.flags = flags | PCP_PREV_FREE_HIGH_ORDER
            elif flags & PCP_PREV_FREE_HIGH_ORDER:
                pcp.flags = flags & PCP_FREE_HIGH_BATCH
            pcp.lists[3 * order + migratetype].appendleft(pfn)
            pcp.count = count
            if pcp.alloc_factor:
                pcp.alloc_factor >>= 1
            if pcp.free_count < pcp.batch << PCP_BATCH_SCALE_MAX:
                pcp.free_count += 1 << order
            self.clock.now += FREE_COST
        del self._refcounts[pfn]
        if order:
            del self._orders[pfn]
            if pfn in self._compound:
                del self._compound[pfn]

    def alloc_pages_fully(self, gfp: int, order: int, nid: int | None = None) -> int:
        """Do what `alloc_pages` promises, whatever the case."""
        raise NotImplementedError

    def free_pages_fully(self, pfn: int, order: int) -> None:
        """Do what `free_pages` promises, whatever the case."""
        raise NotImplementedError
