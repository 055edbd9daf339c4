"""Compaction: making one big free block by moving movable pages together.

Two scanners walk a zone: the migrate scanner collects movable pages in use from the bottom up,
the free scanner collects free pages as their new homes from the top down, until they meet.
Sizes are pages. Source: `mm/compaction.c`, `mm/vmstat.c:__fragmentation_index`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.events import Compacted
from kmemquest.kernel.mm import buddy, fallback, pcp, watermark
from kmemquest.kernel.mm.page_cache import PAGE_CACHE_OWNER
from kmemquest.kernel.mm.zone import (
    MIGRATE_PCPTYPES,
    MOVABLE,
    NR_PAGE_ORDERS,
    PAGE_ALLOC_COSTLY_ORDER,
    PAGEBLOCK_ORDER,
    PAGEBLOCK_PAGES,
    WMARK_LOW,
    WMARK_MIN,
    Zone,
)

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

COMPACT_CLUSTER_MAX: Final = 32
COMPACT_MAX_DEFER_SHIFT: Final = 6
EXTFRAG_THRESHOLD: Final = 500
SCAN_COST: Final = 3_000
"""Nanoseconds to look through one pageblock."""
MIGRATE_COST: Final = 2_200
"""Nanoseconds to move one page: unmap, copy 4 KiB, map again."""


@dataclass(slots=True)
class Deferral:
    """How often compaction of a zone was skipped after it failed (`defer_compaction`)."""

    considered: int = 0
    shift: int = 0
    failed_order: int = NR_PAGE_ORDERS


@dataclass(slots=True)
class _Run:
    """One pass over a zone (`struct compact_control`)."""

    zone: Zone
    order: int
    migratetype: int
    sync: bool
    blocks: list[int]
    """Pageblocks with movable pages that the migrate scanner has yet to visit, ascending."""
    free_block: int
    """The pageblock the free scanner looks at next."""
    homes: list[list[int]] = field(default_factory=lambda: [[] for _ in range(NR_PAGE_ORDERS)])
    """Isolated free blocks by order."""
    moves: list[tuple[int, int]] = field(default_factory=list)
    met: bool = False


class Compactor:
    """Compacts the zones of one machine and remembers where it was in vain."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._deferrals: dict[tuple[int, int], Deferral] = {}

    # --- is it worth trying? ------------------------------------------------------------------

    def compact(self, zone: Zone, order: int, gfp: int, sync: bool) -> bool:
        """Compact a zone for a request; True when a fitting block exists afterwards.

        `sync` is the light synchronous mode; otherwise only pageblocks of the request's own
        type are scanned (`compact_zone_order`, `try_to_compact_pages`).
        """
        reclaim = self._machine.reclaim
        if not order or not gfp & _gfp.IO or self._deferred(zone, order):
            return False
        ceiling = _gfp.zone_index(gfp)
        mark = zone.mark(WMARK_MIN)
        if watermark.watermark_ok(zone, order, mark, ceiling, 0):
            self._succeeded(zone, order)
            return True
        if not self.suitable(zone, order, ceiling):
            return False
        reclaim.count("compact_stall")
        run = self._new_run(zone, order, _gfp.migratetype(gfp), sync)
        done = self._run(run)
        reclaim.count("compact_success" if done else "compact_fail")
        if done:
            self._succeeded(zone, order)
        elif sync:
            self._defer(zone, order)
        return done

    def suitable(self, zone: Zone, order: int, ceiling: int) -> bool:
        """Tell whether there are free pages to shuffle, and too little order rather than memory.

        `mm/compaction.c:compaction_suitable`.
        """
        costly = order > PAGE_ALLOC_COSTLY_ORDER
        mark = zone.mark(WMARK_LOW if costly else WMARK_MIN) + (2 << order)
        if not watermark.watermark_ok(zone, 0, mark, ceiling, 0):
            return False
        if costly:
            index = fragmentation_index(zone, order)
            return index < 0 or index > EXTFRAG_THRESHOLD
        return True

    def compact_node(self, node: int) -> None:
        """Compact all zones of a node fully, as a write to vm.compact_memory does."""
        for zone in self._machine.pages.nodes[node].zones:
            if zone.managed:
                self._run(self._new_run(zone, -1, MOVABLE, True))

    def _deferred(self, zone: Zone, order: int) -> bool:
        """Skip a zone that failed lately (`compaction_deferred`)."""
        state = self._deferrals.get((zone.node, zone.index))
        if state is None or order < state.failed_order:
            return False
        limit = 1 << state.shift
        state.considered += 1
        if state.considered >= limit:
            state.considered = limit
            return False
        return True

    def _defer(self, zone: Zone, order: int) -> None:
        state = self._deferrals.setdefault((zone.node, zone.index), Deferral())
        state.considered = 0
        state.shift = min(state.shift + 1, COMPACT_MAX_DEFER_SHIFT)
        state.failed_order = min(state.failed_order, order)

    def _succeeded(self, zone: Zone, order: int) -> None:
        """Try again at once next time (`compaction_defer_reset`)."""
        state = self._deferrals.get((zone.node, zone.index))
        if state is not None:
            state.considered = state.shift = 0
            state.failed_order = max(state.failed_order, order + 1)

    # --- the two scanners ---------------------------------------------------------------------

    def _new_run(self, zone: Zone, order: int, migratetype: int, sync: bool) -> _Run:
        counts = self._machine.pages.frames.lru_in_pageblock
        first, last = zone.start_pfn >> PAGEBLOCK_ORDER, (zone.end_pfn - 1) >> PAGEBLOCK_ORDER
        blocks = sorted(block for block, n in counts.items() if n > 0 and first <= block <= last)
        return _Run(zone, order, migratetype, sync, blocks, last)

    def _run(self, run: _Run) -> bool:
        """Move pages until a block is there or the scanners meet (`compact_zone`)."""
        machine = self._machine
        zone = run.zone
        done = False
        for block in run.blocks:
            if block >= run.free_block:
                run.met = True
            if run.met:
                break
            machine.clock.advance(SCAN_COST)
            if not run.sync and zone.pageblock_type(block << PAGEBLOCK_ORDER) != run.migratetype:
                continue
            self._empty_pageblock(run, block)
            # Moved-from pages sit on the per-CPU list and could not merge there.
            pcp.drain_zone(zone, zone.pageset)
            if self._finished(run):
                done = True
                break
        self._release(run)
        done = done or self._finished(run)
        machine.clock.advance(MIGRATE_COST * len(run.moves))
        machine.reclaim.count("compact_migrate_scanned", len(run.moves))
        if machine.events.active:
            event = Compacted(zone.node, zone.name, run.order, tuple(run.moves), done)
            machine.events.emit(event)
        return done

    def _empty_pageblock(self, run: _Run, block: int) -> None:
        """Move all movable pages out of a pageblock, in clusters."""
        pages = self._machine.pages
        start = block << PAGEBLOCK_ORDER
        refcounts, movable = pages.frames.refcounts, pages.movable
        cluster: list[int] = []
        for pfn in range(start, start + PAGEBLOCK_PAGES):
            # A raised reference count means that somebody relies on the address.
            if pfn in movable and refcounts.get(pfn) == 1:
                cluster.append(pfn)
            if len(cluster) == COMPACT_CLUSTER_MAX:
                if not self._migrate(run, cluster, block):
                    return
                cluster = []
        self._migrate(run, cluster, block)

    def _migrate(self, run: _Run, cluster: list[int], block: int) -> bool:
        """Move a cluster of pages; False when no free page is left to move to."""
        for source in cluster:
            target = self._take_home(run, block)
            if target < 0:
                run.met = True
                return False
            self._move(source, target)
            run.moves.append((source, target))
        return True

    def _move(self, source: int, target: int) -> None:
        """Move contents and ownership of a page; the old frame is freed."""
        machine = self._machine
        pages = machine.pages
        machine.memory.move_frame(source, target)
        pages.frames.set_refcount(target, 1)
        if pages.movable[source] == PAGE_CACHE_OWNER:
            machine.reclaim.page_cache.forget(source)
            machine.reclaim.page_cache.add(target)
        else:
            machine.reclaim.user.moved(source, target)
        pages.free_pages(source, 0)

    def _take_home(self, run: _Run, block: int) -> int:
        """Return a free frame to move to, from the isolated blocks (`compaction_alloc`)."""
        if not any(run.homes):
            self._isolate_free_pages(run, block)
        for order, blocks in enumerate(run.homes):
            if not blocks:
                continue
            pfn = blocks.pop(0)
            while order:
                order -= 1
                run.homes[order].insert(0, pfn + (1 << order))
            return pfn
        return -1

    def _isolate_free_pages(self, run: _Run, block: int) -> None:
        """Take free blocks from the top of the zone down (`isolate_freepages`)."""
        zone = run.zone
        got = 0
        while run.free_block > block and got < COMPACT_CLUSTER_MAX:
            target = run.free_block
            run.free_block -= 1
            self._machine.clock.advance(SCAN_COST)
            if self._suitable_target(zone, target):
                got += self._isolate_from_pageblock(run, target)

    def _suitable_target(self, zone: Zone, block: int) -> bool:
        """Tell whether pages may move into a pageblock: movable, and not free as a whole."""
        start = block << PAGEBLOCK_ORDER
        if zone.pageblock_type(start) != MOVABLE:
            return False
        found = buddy.find_free_block(zone, start)
        return found is None or found[1] < PAGEBLOCK_ORDER

    def _isolate_from_pageblock(self, run: _Run, block: int) -> int:
        """Take the free blocks of one pageblock off their lists (`__isolate_free_page`)."""
        zone = run.zone
        got = 0
        for pfn, order in buddy.free_blocks_in_pageblock(zone, block << PAGEBLOCK_ORDER):
            mark = zone.marks[WMARK_MIN] + (1 << order)
            if not watermark.watermark_ok(zone, 0, mark, 0, 0):
                break
            buddy.take_block(zone, pfn, order, MOVABLE)
            buddy.account(zone, -(1 << order), MOVABLE)
            run.homes[order].append(pfn)
            got += 1 << order
        return got

    def _release(self, run: _Run) -> None:
        """Give back what was isolated and not used (`release_free_list`)."""
        zone = run.zone
        for order, blocks in enumerate(run.homes):
            for pfn in blocks:
                buddy.free_one_page(zone, pfn, order, zone.pageblock_type(pfn))
            blocks.clear()

    def _finished(self, run: _Run) -> bool:
        """Tell whether a block for the request exists now (`__compact_finished`)."""
        if run.order < 0:
            return False
        zone = run.zone
        for order in range(run.order, NR_PAGE_ORDERS):
            if run.migratetype < MIGRATE_PCPTYPES and zone.free_lists[run.migratetype][order]:
                return True
            other = fallback.find_suitable_fallback(zone, order, run.migratetype)
            if other >= 0 and fallback.may_claim(zone, order, run.migratetype):
                return True
        return False


def fragmentation_index(zone: Zone, order: int) -> int:
    """Return -1000 when a block exists; else 0 (too little memory) to 1000 (fragmented)."""
    free = blocks = suitable = 0
    for have in range(NR_PAGE_ORDERS):
        count = zone.nr_free(have)
        free += count << have
        blocks += count
        if have >= order:
            suitable += count
    if not blocks:
        return 0
    if suitable:
        return -1000
    return 1000 - (1000 + free * 1000 // (1 << order)) // blocks
