"""Zones and nodes: the data the page allocator works on (`include/linux/mmzone.h`)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from kmemquest.kernel.events import EventStream
from kmemquest.kernel.mm.frame import FrameTable
from kmemquest.kernel.mm.free_list import FreeList

MAX_PAGE_ORDER: Final = 10
NR_PAGE_ORDERS: Final = MAX_PAGE_ORDER + 1
MAX_ORDER_NR_PAGES: Final = 1 << MAX_PAGE_ORDER
PAGEBLOCK_ORDER: Final = 9
PAGEBLOCK_PAGES: Final = 1 << PAGEBLOCK_ORDER
PAGE_ALLOC_COSTLY_ORDER: Final = 3
NO_PAGE: Final = -1
"""What a failed request gives in place of a pfn."""

UNMOVABLE: Final = 0
MOVABLE: Final = 1
RECLAIMABLE: Final = 2
HIGHATOMIC: Final = 3
ISOLATE: Final = 4
MIGRATE_TYPES: Final = 5
MIGRATE_PCPTYPES: Final = 3
MIGRATETYPE_NAMES: Final = ("Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate")

ZONE_DMA: Final = 0
ZONE_DMA32: Final = 1
ZONE_NORMAL: Final = 2
ZONE_MOVABLE: Final = 3
MAX_NR_ZONES: Final = 5
ZONE_NAMES: Final = ("DMA", "DMA32", "Normal", "Movable", "Device")

WMARK_MIN: Final = 0
WMARK_LOW: Final = 1
WMARK_HIGH: Final = 2
WMARK_PROMO: Final = 3

ZONE_BOOSTED_WATERMARK: Final = 1
ZONE_RECLAIM_ACTIVE: Final = 2
ZONE_BELOW_HIGH: Final = 4

NR_PCP_LISTS: Final = 14
PCP_THP_LIST: Final = 12
"""Lists 12 and 13 hold order-9 blocks: not movable, movable."""
PCP_LIST_ORDER: Final = (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 9, 9)
PCP_PREV_FREE_HIGH_ORDER: Final = 1
PCP_FREE_HIGH_BATCH: Final = 2


@dataclass(slots=True)
class PerCpuPages:
    """The per-CPU lists of one zone and CPU (`struct per_cpu_pages`); counts are pages.

    A fresh one is the boot pageset: high 0 and batch 1, which leaves nothing on the lists.
    """

    count: int = 0
    high: int = 0
    high_min: int = 0
    high_max: int = 0
    batch: int = 1
    flags: int = 0
    alloc_factor: int = 0
    expire: int = 0
    free_count: int = 0
    room: int = 0
    """Below this count a free goes on a list and nothing else happens: `high`, or 0 where the
    simulator has yet to see that `high` is within its bounds. No field of Linux."""
    free_limit: int = 0
    """From this `free_count` on it no longer grows; known while `room` is. No field of Linux."""
    lists: list[deque[int]] = field(default_factory=lambda: [deque() for _ in range(NR_PCP_LISTS)])
    """Blocks by first pfn, head first; index 3*order + migratetype, or 12/13 for order 9."""


class Zone:
    """One zone of one node. All counts are pages, all pfns absolute."""

    __slots__ = (
        "_boost",
        "_lowmem_reserve",
        "_marks",
        "boosted",
        "calm",
        "comfort",
        "diff",
        "end_pfn",
        "events",
        "flags",
        "frames",
        "free",
        "free_lists",
        "grouping_disabled",
        "homes",
        "idle_diffs",
        "index",
        "largest",
        "managed",
        "name",
        "node",
        "nr_free_highatomic",
        "nr_reserved_highatomic",
        "pageblocks",
        "pageset",
        "pagesets",
        "present",
        "reserve",
        "start_pfn",
        "stat_threshold",
    )

    def __init__(
        self,
        node: int,
        index: int,
        start_pfn: int,
        end_pfn: int,
        present: int,
        *,
        cpus: int,
        events: EventStream,
        frames: FrameTable,
        pageblocks: dict[int, int],
        homes: dict[int, Any],
    ) -> None:
        self.node = node
        self.index = index
        self.name = ZONE_NAMES[index]
        self.start_pfn = start_pfn
        self.end_pfn = end_pfn
        self.present = present
        self.managed = 0
        self.events = events
        self.frames = frames
        self.pageblocks = pageblocks
        """Pageblock number -> migratetype, where it is not Movable; shared by all zones."""
        self.homes = homes
        """Pageblock number -> where its blocks go when freed; shared, emptied by changes."""
        self.free_lists = [
            [FreeList(order) for order in range(NR_PAGE_ORDERS)] for _ in range(MIGRATE_TYPES)
        ]
        """free_lists[migratetype][order]."""
        self.largest = self.free_lists[MOVABLE][MAX_PAGE_ORDER]
        """The list of whole order-10 Movable blocks: while it has one, every order has."""
        self.free = 0
        """The global NR_FREE_PAGES counter, which watermark checks read."""
        self.diff = 0
        """What the running CPU has not yet folded into `free` (`vm_stat_diff`)."""
        self.idle_diffs = [0] * cpus
        """The same for the other CPUs; the running CPU's entry is 0."""
        self.stat_threshold = 0
        self.nr_free_highatomic = 0
        self._marks = [0, 0, 0, 0]
        self._boost = 0
        self._lowmem_reserve = [0] * MAX_NR_ZONES
        self.boosted = (0, 0, 0, 0)
        """`marks`, each with the boost: a new tuple whenever one of them changes."""
        self.reserve = self._lowmem_reserve
        """`lowmem_reserve` to read from, without a call."""
        self.comfort = 0
        """With more free pages than this, every watermark check of any request succeeds."""
        self.calm = False
        """What `is_calm` found; whatever may end it clears this."""
        self.flags = 0
        self.grouping_disabled = False
        """`page_group_by_mobility_disabled`: the machine is too small to sort pages by type."""
        self.nr_reserved_highatomic = 0
        self.pagesets = [PerCpuPages() for _ in range(cpus)]
        self.pageset = self.pagesets[0]
        """The running CPU's."""

    def __repr__(self) -> str:
        return f"<zone {self.name} of node {self.node}: {self.true_free()} of {self.managed} free>"

    @property
    def marks(self) -> list[int]:
        """min, low, high, promo without boost; assign a new list to change them."""
        return self._marks

    @marks.setter
    def marks(self, marks: list[int]) -> None:
        self._marks = marks
        self.update_comfort()

    @property
    def boost(self) -> int:
        """`watermark_boost`: added to every mark while pageblocks got mixed lately."""
        return self._boost

    @boost.setter
    def boost(self, pages: int) -> None:
        self._boost = pages
        self.update_comfort()

    @property
    def lowmem_reserve(self) -> list[int]:
        """What a request with that ceiling must leave here; assign a new list to change it."""
        return self._lowmem_reserve

    @lowmem_reserve.setter
    def lowmem_reserve(self, reserve: list[int]) -> None:
        self._lowmem_reserve = reserve
        self.update_comfort()

    def update_comfort(self) -> None:
        """Work out `comfort`, `boosted` and `reserve` anew from what they rest on."""
        boost = self._boost
        low, middle, high, promo = self._marks
        self.boosted = (low + boost, middle + boost, high + boost, promo + boost)
        self.reserve = self._lowmem_reserve
        highest = high + boost + max(self._lowmem_reserve)
        self.comfort = highest + max(self.nr_free_highatomic, 0) + MAX_ORDER_NR_PAGES
        self.calm = False

    def is_calm(self, *, single: bool = False) -> bool:
        """Tell whether a request of any order and right gets a block here, with no one to wake.

        `single` asks only about a single page that already lies on the per-CPU list.
        """
        largest = self.largest
        plenty = self.free > self.comfort and not self.flags & ZONE_BOOSTED_WATERMARK
        self.calm = plenty and bool(largest.runs or largest.front or largest.back)
        return plenty if single else self.calm

    @property
    def spanned(self) -> int:
        """Pages from the first to the last frame, holes included."""
        return self.end_pfn - self.start_pfn

    def pageblock_type(self, pfn: int) -> int:
        """Return the migratetype of the pageblock a frame lies in."""
        return self.pageblocks.get(pfn >> PAGEBLOCK_ORDER, MOVABLE)

    def set_pageblock_type(self, pfn: int, migratetype: int) -> None:
        """Change the migratetype of the pageblock a frame lies in."""
        self.homes.pop(pfn >> PAGEBLOCK_ORDER, None)
        if migratetype == MOVABLE:
            self.pageblocks.pop(pfn >> PAGEBLOCK_ORDER, None)
        else:
            self.pageblocks[pfn >> PAGEBLOCK_ORDER] = migratetype

    def nr_free(self, order: int) -> int:
        """Return how many free blocks of an order there are, over all migratetypes."""
        found = 0
        for lists in self.free_lists:
            listed = lists[order]
            found += len(listed.front) + len(listed.back)
            if listed.runs:
                found += listed.in_runs()
        return found

    def true_free(self) -> int:
        """Return the free pages with every CPU's pending difference counted in."""
        return self.free + self.diff + sum(self.idle_diffs)

    def pcp_pages(self) -> int:
        """Return the pages on all CPUs' lists."""
        return sum(pageset.count for pageset in self.pagesets)

    def mark(self, which: int) -> int:
        """Return a watermark with the boost (`include/linux/mmzone.h:wmark_pages`)."""
        return self.boosted[which]


@dataclass(slots=True)
class Node:
    """A NUMA node: its zones by ascending index, and the CPUs that are near."""

    id: int
    zones: list[Zone] = field(default_factory=list)
    cpus: int = 1
