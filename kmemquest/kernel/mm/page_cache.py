"""The simulated page cache: clean file pages on one least-recently-used list per node.

Only what reclaim and compaction need to see: which frames hold file data, how old they are and
in which zone they lie. Sizes are pages. Source: `mm/filemap.c`, `mm/swap.c`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.events import PageCacheFilled

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.zone import Zone

PAGE_CACHE_OWNER: Final = 0
"""The owner word of file pages in `PageAllocator.movable`."""
READAHEAD_GFP: Final = _gfp.GFP_HIGHUSER_MOVABLE | _gfp.COMP | _gfp.NORETRY | _gfp.NOWARN
"""What reading a file allocates with (`include/linux/pagemap.h:readahead_gfp_mask`)."""
READ_COST: Final = 4_000
"""Nanoseconds to read a page from a fast disk into a new frame."""


class PageCache:
    """All clean file pages of a machine, oldest first."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.lru: list[dict[int, None]] = [{} for _ in machine.pages.nodes]
        """Per node: pfns from the least to the most recently used."""
        self._in_zone: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return sum(len(lru) for lru in self.lru)

    def __contains__(self, pfn: int) -> bool:
        return any(pfn in lru for lru in self.lru)

    def in_zone(self, zone: Zone) -> int:
        """Return the file pages of one zone."""
        return self._in_zone.get((zone.node, zone.index), 0)

    def fill(self, count: int) -> int:
        """Read `count` pages of files; return how many found a frame."""
        machine = self._machine
        pages = machine.pages
        taken = []
        for _ in range(count):
            pfn = pages.alloc_pages(READAHEAD_GFP, 0)
            if pfn < 0:
                break
            self.add(pfn)
            taken.append(pfn)
        machine.clock.advance(READ_COST * len(taken))
        if taken and machine.events.active:
            machine.events.emit(PageCacheFilled(tuple(taken)))
        return len(taken)

    def add(self, pfn: int) -> None:
        """Put a frame on its node's list as the most recently used page."""
        pages = self._machine.pages
        zone = pages.zone_of(pfn)
        self.lru[zone.node][pfn] = None
        self._count(zone, 1)
        pages.movable[pfn] = PAGE_CACHE_OWNER
        pages.frames.set_lru(pfn)

    def forget(self, pfn: int) -> None:
        """Take a frame off its list; the caller frees it or has moved its contents."""
        pages = self._machine.pages
        zone = pages.zone_of(pfn)
        del self.lru[zone.node][pfn]
        self._count(zone, -1)
        del pages.movable[pfn]
        pages.frames.clear_lru(pfn)

    def drop(self, pfn: int) -> None:
        """Drop a clean page: forget it and free its frame."""
        self.forget(pfn)
        self._machine.pages.free_pages(pfn, 0)

    def _count(self, zone: Zone, change: int) -> None:
        key = zone.node, zone.index
        self._in_zone[key] = self._in_zone.get(key, 0) + change
