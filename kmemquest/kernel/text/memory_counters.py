"""The counters that /proc/meminfo, /proc/zoneinfo and the kernel's memory reports share.

All values are pages unless the name says KiB. Source: `mm/vmstat.c`, `mm/show_mem.c`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import THREAD_SIZE
from kmemquest.kernel.mm.slab_geometry import SLAB_RECLAIM_ACCOUNT
from kmemquest.kernel.mm.zone import WMARK_HIGH, WMARK_LOW, ZONE_NAMES, Zone

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

KERNEL_THREADS: Final = 53
BOOT_PAGE_TABLES: Final = 66
KIB_PER_PAGE: Final = 4


@dataclass(frozen=True, slots=True)
class MemoryCounters:
    """One node's counters, or the whole machine's."""

    active_anon: int
    inactive_file: int
    anon: int
    shmem: int
    mapped: int
    slab_reclaimable: int
    slab_unreclaimable: int
    kernel_stack_kib: int
    page_tables: int

    @property
    def file_pages(self) -> int:
        """Page cache in the kernel's sense: files and shared memory."""
        return self.inactive_file + self.shmem


def machine_counters(machine: Machine) -> MemoryCounters:
    """Return the counters of the whole machine."""
    return _counters(machine, None)


def node_counters(machine: Machine, node: int) -> MemoryCounters:
    """Return one node's counters; what belongs to no node in particular counts for node 0."""
    return _counters(machine, node)


def _counters(machine: Machine, node: int | None) -> MemoryCounters:
    pages, reclaim = machine.pages, machine.reclaim
    zones = [zone for zone in pages.zones if node is None or zone.node == node]
    first = node in (None, 0)
    user = reclaim.user
    on_lru = sum(user.in_zone(zone) for zone in zones)
    shmem = len(user.shmem) if first else 0
    reclaimable, unreclaimable = slab_pages(machine, node)
    processes = list(user.processes.values())
    tables = sum(process.page_table_bytes for process in processes) // 4096
    return MemoryCounters(
        active_anon=on_lru,
        inactive_file=sum(reclaim.page_cache.in_zone(zone) for zone in zones),
        anon=max(on_lru - shmem, 0),
        shmem=shmem,
        mapped=max((process.shmem for process in processes), default=0) if first else 0,
        slab_reclaimable=reclaimable,
        slab_unreclaimable=unreclaimable,
        kernel_stack_kib=(KERNEL_THREADS + len(processes)) * (THREAD_SIZE >> 10) if first else 0,
        page_tables=BOOT_PAGE_TABLES + tables if first else 0,
    )


def slab_pages(machine: Machine, node: int | None = None) -> tuple[int, int]:
    """Return (reclaimable, unreclaimable) slab pages."""
    reclaimable = unreclaimable = 0
    for cache in machine.slub.caches:
        for nid, part in enumerate(cache.nodes):
            if node is not None and nid != node:
                continue
            size = part.nr_slabs << cache.geometry.order
            if cache.flags & SLAB_RECLAIM_ACCOUNT:
                reclaimable += size
            else:
                unreclaimable += size
    return reclaimable, unreclaimable


def available_pages(machine: Machine) -> int:
    """Estimate what could be allocated without swapping (`si_mem_available`)."""
    zones = machine.pages.zones
    low = sum(zone.mark(WMARK_LOW) for zone in zones)
    counters = machine_counters(machine)
    available = machine.pages.nr_free_pages() - total_reserve(zones)
    available += counters.inactive_file - min(counters.inactive_file // 2, low)
    slab = counters.slab_reclaimable
    available += slab - min(slab // 2, low)
    return max(available, 0)


def total_reserve(zones: list[Zone]) -> int:
    """Return what is kept from user space (`mm/page_alloc.c:calculate_totalreserve_pages`)."""
    total = 0
    for zone in zones:
        reserve = max(zone.lowmem_reserve[zone.index :]) + zone.mark(WMARK_HIGH)
        total += min(reserve, zone.managed)
    return total


def named_zones(machine: Machine) -> list[tuple[int, int, Zone | None]]:
    """Return (node, zone index, zone or None) for every zone type of every node."""
    entries: list[tuple[int, int, Zone | None]] = []
    for node in machine.pages.nodes:
        by_index = {zone.index: zone for zone in node.zones}
        entries += [(node.id, index, by_index.get(index)) for index in range(len(ZONE_NAMES))]
    return entries
