"""Reclaim: what the page allocator calls when free pages run short (`mm/vmscan.c`).

Sizes are pages. Only clean file pages can be reclaimed here: there is no swap, and driver memory,
slabs in use, vmalloc and anonymous pages stay where they are, as on a real machine without swap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.context import PF_MEMALLOC
from kmemquest.kernel.events import Reclaimed
from kmemquest.kernel.mm import kswapd as _kswapd
from kmemquest.kernel.mm import watermark
from kmemquest.kernel.mm.compaction import Compactor
from kmemquest.kernel.mm.oom import OomKiller
from kmemquest.kernel.mm.page_cache import PageCache
from kmemquest.kernel.mm.user_memory import UserMemory
from kmemquest.kernel.mm.zone import PAGE_ALLOC_COSTLY_ORDER, WMARK_HIGH, WMARK_MIN, Zone

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

FIRST_KSWAPD_PID: Final = 38
SECOND: Final = 1_000_000_000
SHRINK_COST: Final = 25_000
"""Nanoseconds to set up one reclaim pass over a node."""
PAGE_RECLAIM_COST: Final = 900
"""Nanoseconds to isolate, unmap and drop one clean file page."""


class Reclaim:
    """Reclaim, compaction and the OOM killer of one machine, with the memory they act on."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.page_cache = PageCache(machine)
        self.user = UserMemory(machine)
        self.compactor = Compactor(machine)
        self.oom = OomKiller(machine)
        self.kswapds = [
            _kswapd.kswapd_of(node.id, FIRST_KSWAPD_PID + node.id) for node in machine.pages.nodes
        ]
        self.shrinkers: list[int] = []
        """Shrinkers that drivers registered, by address, in order of registration."""
        self.run_shrinker: Callable[[int, int, int, int], int] | None = None
        """Calls a driver's shrinker: (address, gfp, node, priority) -> objects freed."""
        self.while_waiting: Callable[[int, Callable[[], bool]], bool] | None = None
        """Lets time pass and other contexts run, as `Mempools.while_sleeping`."""
        self.caller_is_lost = False
        """The task that reclaims will never come back from a shrinker (deadlock, oops)."""
        self.deferred_scans: dict[tuple[int, int], int] = {}
        """(shrinker, node) -> objects it was to scan and did not (`nr_deferred`)."""
        self.counters: dict[str, int] = {}
        """Event counters with the names of /proc/vmstat."""
        self._last_failure_report: int | None = None
        self._kswapd_runs = False
        self._shrink_later: dict[int, int] = {}
        """Node -> priority at which its kswapd has yet to call the shrinkers."""

    # --- what the page allocator calls ------------------------------------------------------

    def wake_kswapd(self, node: int, order: int, zone_index: int, gfp: int) -> None:
        """Wake a node's kswapd (`wakeup_kswapd`); see `kswapd` for when it gets to run."""
        if not gfp & _gfp.KSWAPD_RECLAIM or self._kswapd_runs:
            return
        woken = _kswapd.wake(self, self.kswapds[node], order, zone_index)
        if woken and gfp & _gfp.DIRECT_RECLAIM and self.machine.context.may_sleep:
            self._run_woken()

    def run_kswapd(self) -> int:
        """Let the background work run: every woken kswapd, then kcompactd where it is wanted.

        To be called when the CPU goes idle, sleeps or returns to user space; a no-op in atomic
        context. Returns the pages reclaimed.
        """
        if self._kswapd_runs or not self.machine.context.may_sleep:
            return 0
        total = self._run_woken()
        self._shrink_deferred()
        for kswapd in self.kswapds:
            if kswapd.compact_order:
                self._run_kcompactd(kswapd)
        return total

    def idle(self, nanoseconds: int = 0) -> int:
        """Let the CPU idle for a while; return the pages that kswapd reclaimed.

        The statistics worker runs when a second of uptime has gone by, then kswapd and kcompactd.
        """
        clock = self.machine.clock
        before = clock.now // SECOND
        clock.advance(nanoseconds)
        if clock.now // SECOND != before:
            self.machine.pages.vmstat_tick()
        return self.run_kswapd()

    def _run_woken(self) -> int:
        self._kswapd_runs = True
        total = sum(_kswapd.run(self, entry) for entry in self.kswapds if entry.pending)
        self._kswapd_runs = False
        return total

    def _shrink_deferred(self) -> None:
        """Let kswapd call the shrinkers it could not call before."""
        context = self.machine.context
        if not self._shrink_later or context.locks:
            return
        running, stack = context.task, context.stack
        later, self._shrink_later = self._shrink_later, {}
        self._kswapd_runs = True
        for node, priority in later.items():
            context.task, context.stack = self.kswapds[node].task, []
            self._shrink_slab(node, priority, "kswapd", _gfp.GFP_KERNEL)
        self._kswapd_runs = False
        context.task, context.stack = running, stack

    def _run_kcompactd(self, kswapd: _kswapd.Kswapd) -> None:
        """Compact a node for the order kswapd was woken for (`kcompactd_do_work`)."""
        order, kswapd.compact_order = kswapd.compact_order, 0
        for zone in _kswapd.zones_of(self.machine, kswapd.node, kswapd.highest_zone):
            self.count("compact_daemon_wake")
            self.compactor.compact(zone, order, _gfp.GFP_KERNEL, sync=True)

    def direct_reclaim(self, gfp: int, order: int, nid: int) -> int:
        """Reclaim for the caller itself (`try_to_free_pages`); return the pages reclaimed.

        Stops at 32 pages, or earlier when compaction could make the block now. Clean file pages
        need neither I/O nor the file system, so GFP_NOIO and GFP_NOFS get them as well.
        """
        if not self._kswapd_runs:
            self._run_woken()
        machine = self.machine
        task = machine.context.task
        gfp = machine.context.scoped_gfp(gfp)
        task.flags |= PF_MEMALLOC
        self.caller_is_lost = False
        self.count("allocstall_" + machine.pages.zones[-1].name.lower())
        ceiling = _gfp.zone_index(gfp)
        zones = [z for z in machine.pages.scan_order(nid, gfp, ceiling) if z.managed]
        nodes = list(dict.fromkeys(zone.node for zone in zones))
        total = 0
        for priority in range(_kswapd.DEF_PRIORITY, -1, -1):
            got, ready = self._shrink_zones(zones, order, gfp, priority, total)
            total += got
            if ready:
                # Saying "progress" sends the caller to compaction.
                total = max(total, 1)
            if ready or total >= _kswapd.SWAP_CLUSTER_MAX or self.caller_is_lost:
                break
        task.flags &= ~PF_MEMALLOC
        if total:
            for node in nodes:
                self.kswapds[node].failures = 0
        return total

    def reclaimable_pages(self, zone: Zone) -> int:
        """Return what reclaim could free in a zone (`zone_reclaimable_pages`)."""
        return self.page_cache.in_zone(zone)

    def compact(self, zone: Zone, order: int, gfp: int, sync: bool) -> bool:
        """Compact a zone for the caller; True when a block of the order can be expected."""
        return self.compactor.compact(zone, order, gfp, sync)

    def out_of_memory(self, gfp: int, order: int) -> bool:
        """Kill a process to get memory; True when the caller should try again."""
        return self.oom.out_of_memory(gfp, order)

    def warn_alloc(self, gfp: int, order: int, nid: int) -> None:
        """Print the page allocation failure report, at most once in ten seconds."""
        del nid  # The report is about all nodes.
        from kmemquest.kernel.text.page_failure_report import print_failure

        if self.machine.fate.final:
            return

        now = self.machine.clock.now
        last = self._last_failure_report
        self._last_failure_report = print_failure(self.machine, gfp, order, last, now)

    # --- shrinking --------------------------------------------------------------------------

    def shrink_node(
        self,
        node: int,
        target: int,
        priority: int,
        highest_zone: int,
        by: str,
        gfp: int = _gfp.GFP_KERNEL,
    ) -> int:
        """Drop the oldest file pages of a node: at most 1/2**priority of them, in clusters.

        Then the shrinkers are asked; `gfp` tells them what they may do: the allocation's mask in
        direct reclaim, GFP_KERNEL in kswapd.
        """
        machine = self.machine
        cache = self.page_cache
        lru = cache.lru[node]
        machine.clock.advance(SHRINK_COST)
        budget = min(len(lru) >> priority, -(-target // 32) * 32)
        victims: list[int] = []
        zone_of = machine.pages.zone_of
        for pfn in lru:
            if len(victims) >= budget:
                break
            if zone_of(pfn).index <= highest_zone:
                victims.append(pfn)
        for pfn in victims:
            cache.drop(pfn)
        machine.clock.advance(PAGE_RECLAIM_COST * len(victims))
        self.count(f"pgscan_{by}", len(victims))
        self.count(f"pgsteal_{by}", len(victims))
        if victims and machine.events.active:
            machine.events.emit(Reclaimed(by, tuple(victims)))
        return len(victims) + self._shrink_slab(node, priority, by, gfp)

    def _shrink_slab(self, node: int, priority: int, by: str, gfp: int) -> int:
        """Ask every registered shrinker (`mm/shrinker.c:shrink_slab`); they run as the caller.

        Returns the pages of slabs that were freed meanwhile: they are progress too, unlike those
        of a kmalloc above the caches (`mm/slub.c:__free_slab`, `mm/vmscan.c:flush_reclaim_state`).

        kswapd has a thread of its own and would sleep on a lock that the interrupted task holds;
        here it cannot, so it comes to its shrinkers once that task holds none.
        """
        if self.run_shrinker is None or not self.shrinkers:
            return 0
        if by == "kswapd" and self.machine.context.locks:
            self._shrink_later[node] = min(priority, self._shrink_later.get(node, priority))
            return 0
        slub = self.machine.slub
        before = slub.released_pages
        with self.machine.checks.in_reclaim():
            for shrinker in list(self.shrinkers):
                if self.run_shrinker(shrinker, gfp, node, priority) < 0 and by == "direct":
                    self.caller_is_lost = True
                    break
        return slub.released_pages - before

    def _shrink_zones(
        self, zones: list[Zone], order: int, gfp: int, priority: int, so_far: int
    ) -> tuple[int, bool]:
        """Shrink every node once, except for zones where compaction could start (`shrink_zones`).

        Returns (pages reclaimed, whether some zone is ready for compaction).
        """
        ceiling = _gfp.zone_index(gfp)
        got, ready = 0, False
        shrunk: set[int] = set()
        for zone in zones:
            if self._compaction_ready(zone, order, gfp):
                ready = True
            elif zone.node not in shrunk:
                shrunk.add(zone.node)
                left = _kswapd.SWAP_CLUSTER_MAX - so_far - got
                if left > 0:
                    got += self.shrink_node(zone.node, left, priority, ceiling, "direct", gfp)
        return got, ready

    def _compaction_ready(self, zone: Zone, order: int, gfp: int) -> bool:
        """Tell whether reclaim may stop because compaction can work now (`compaction_ready`)."""
        if order <= PAGE_ALLOC_COSTLY_ORDER or not gfp & _gfp.IO:
            return False
        ceiling = _gfp.zone_index(gfp)
        if watermark.watermark_ok(zone, order, zone.mark(WMARK_MIN), ceiling, 0):
            return True
        if not self.compactor.suitable(zone, order, ceiling):
            return False
        gap = (2 << order) + zone.mark(WMARK_HIGH)
        return watermark.watermark_ok(zone, 0, gap, ceiling, 0)

    def count(self, name: str, amount: int = 1) -> None:
        """Add to an event counter."""
        self.counters[name] = self.counters.get(name, 0) + amount
