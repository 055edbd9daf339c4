"""Virtual address space for the vmalloc window: busy areas, lazy frees, per-CPU pools, purge.

Source: `mm/vmalloc.c:alloc_vmap_area`, `free_vmap_area_noflush`, `__purge_vmap_area_lazy`,
`purge_vmap_node`, `decay_va_pool_node`. Everything here is arithmetic on addresses; pages and
mappings are `vmalloc.py`'s business.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from typing import Final

from kmemquest.kernel.address import PAGE_SHIFT, VMALLOC_END, VMALLOC_START
from kmemquest.kernel.mm.vmap_area import NO_NODE, VmArea
from kmemquest.kernel.mm.vmap_free import FreeSpace

MAX_POOLED_PAGES: Final = 256
"""Areas of up to 1 MiB (guard page included) may wait in a pool."""

NODE_STRIDE: Final = 64 * 1024
"""Without an owner an area belongs to vmap node (address / 64 KiB) modulo the nodes."""

LAZY_PAGES_PER_BIT: Final = 8192
"""32 MiB of lazily freed space for each bit of the CPU count (`lazy_max_pages`)."""

FULL_RANGE: Final = (VMALLOC_START, VMALLOC_END)


@dataclass(slots=True)
class VmapNode:
    """One vmap node: its lazily freed ranges (start -> pages, owner) and its pools by page count.

    A pool is a list of start addresses, the entry that is taken next first.
    """

    lazy: dict[int, tuple[int, int]] = field(default_factory=dict)
    pools: dict[int, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LazyRange:
    """A freed range that waits for the purge: `pages` of it, from `start` on."""

    start: int
    pages: int
    vmap_node: int


class VaSpace:
    """Who owns which virtual range of the kernel's mapping window."""

    __slots__ = ("_areas", "_starts", "free", "lazy_max_pages", "lazy_pages", "nodes")

    def __init__(self, cpus: int, free: FreeSpace | None = None) -> None:
        self.nodes = [VmapNode() for _ in range(min(max(cpus, 1), 128))]
        self.free = free or FreeSpace()
        self.lazy_pages = 0
        self.lazy_max_pages = cpus.bit_length() * LAZY_PAGES_PER_BIT
        self._starts: list[int] = []
        self._areas: dict[int, VmArea] = {}

    # --- taking space -----------------------------------------------------------------------

    def allocate(self, size: int, align: int, low: int, high: int, cpu: int) -> tuple[int, int]:
        """Find `size` bytes in [low, high); return (address, owning vmap node), address 0 if full.

        `size` is a multiple of the page size, `align` a power of two.
        """
        owner = NO_NODE
        if (low, high) == FULL_RANGE and len(self.nodes) > 1:
            owner = cpu % len(self.nodes)
            address = self._from_pool(self.nodes[owner], size, align)
            if address:
                return address, owner
        found = self.free.allocate(size, align, low, high)
        return (found or 0), owner

    def _from_pool(self, node: VmapNode, size: int, align: int) -> int:
        pool = node.pools.get(size >> PAGE_SHIFT)
        if not pool:
            return 0
        address = pool.pop(0)
        if address & (align - 1):
            pool.append(address)
            return 0
        return address

    # --- busy areas -------------------------------------------------------------------------

    def insert(self, area: VmArea) -> None:
        """Enter an area into the busy ones."""
        insort(self._starts, area.start)
        self._areas[area.start] = area

    def find(self, address: int) -> VmArea | None:
        """Return the area that contains an address, guard page included."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        area = self._areas[self._starts[index]]
        return area if address < area.end else None

    def areas(self) -> list[VmArea]:
        """All busy areas in address order."""
        return [self._areas[start] for start in self._starts]

    def areas_by_node(self) -> list[VmArea]:
        """All busy areas as /proc/vmallocinfo walks them: node by node, then by address."""
        return sorted(self.areas(), key=lambda area: (self._node_of(area.start), area.start))

    def lazy_ranges(self) -> list[LazyRange]:
        """Lazily freed ranges, node by node, then by address."""
        return [
            LazyRange(start, *node.lazy[start])
            for node in self.nodes
            for start in sorted(node.lazy)
        ]

    def is_lazy(self, address: int) -> bool:
        """Tell whether an address lies in a range that was freed and not purged since."""
        return any(0 <= address - r.start < r.pages << PAGE_SHIFT for r in self.lazy_ranges())

    def pooled_ranges(self) -> list[tuple[int, int]]:
        """Ranges that wait in pools as [start, end) pairs in address order."""
        return sorted(
            (start, start + (pages << PAGE_SHIFT))
            for node in self.nodes
            for pages, pool in node.pools.items()
            for start in pool
        )

    # --- giving space back ------------------------------------------------------------------

    def remove(self, area: VmArea) -> None:
        """Take an area out of the busy ones and leave its range to the next purge."""
        self._starts.pop(bisect_right(self._starts, area.start) - 1)
        del self._areas[area.start]
        self.lazy_pages += area.pages
        owner = area.vmap_node
        node = owner if owner != NO_NODE else self._node_of(area.start)
        self.nodes[node].lazy[area.start] = (area.pages, owner)

    @property
    def purge_is_due(self) -> bool:
        """True when more pages wait than the kernel tolerates."""
        return self.lazy_pages > self.lazy_max_pages

    def purge(self, *, full_decay: bool = False) -> list[tuple[int, int]]:
        """Make lazily freed space available again; return the ranges that were lazy.

        Pools first give part of what they hold to the global space (all of it with
        `full_decay`); then lazy ranges go to their owner's pool or to the global space.
        """
        waiting = []
        for node in self.nodes:
            self._decay(node, full=full_decay)
            waiting.append(sorted(node.lazy.items()))
            node.lazy = {}
        for lazy in waiting:
            for start, (pages, owner) in lazy:
                self.lazy_pages -= pages
                if owner != NO_NODE and not full_decay and pages <= MAX_POOLED_PAGES:
                    self.nodes[owner].pools.setdefault(pages, []).insert(0, start)
                else:
                    self.free.give(start, start + (pages << PAGE_SHIFT))
        return sorted(
            (start, start + (pages << PAGE_SHIFT)) for lazy in waiting for start, (pages, _) in lazy
        )

    def _decay(self, node: VmapNode, *, full: bool) -> None:
        for pages in sorted(node.pools):
            pool = node.pools[pages]
            # A quarter per purge; with fewer than four entries the kernel's counter wraps and
            # everything goes.
            count = len(pool) if full or len(pool) < 4 else len(pool) // 4
            for start in pool[:count]:
                self.free.give(start, start + (pages << PAGE_SHIFT))
            del pool[:count]
            if not pool:
                del node.pools[pages]

    def _node_of(self, address: int) -> int:
        return address // NODE_STRIDE % len(self.nodes)
