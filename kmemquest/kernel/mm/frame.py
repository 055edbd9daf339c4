"""What `struct page` knows, kept only for frames that differ from an untouched free one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

PAGEBLOCK_SHIFT: Final = 9
_MAX_ORDER: Final = 10


class _Once(int):
    """The count 1 of a single page that nobody looks at: known by identity, equal to 1."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return "ONCE"


ONCE: Final = _Once(1)
"""`_refcount` of a single page handed out plainly, which its free need not look at twice."""


class FrameTable:
    """Sparse per-frame facts; a frame without an entry has refcount 0 and no type."""

    __slots__ = (
        "_ends",
        "_starts",
        "bad_reported",
        "bad_since",
        "compound",
        "distrusted",
        "lru",
        "lru_in_pageblock",
        "orders",
        "refcounts",
        "slabs",
        "special",
        "suspects",
        "written_counts",
        "written_maps",
    )

    def __init__(self) -> None:
        self.refcounts: dict[int, int] = {}
        """pfn -> `_refcount`, where it is not 0."""
        self.suspects: set[int] = set()
        """Frames whose count left 0 other than by being handed out: freed twice, say."""
        self.distrusted: set[int] = set()
        """Frames ever freed twice or by a wrong order: free lists may since hold one twice."""
        self.orders: dict[int, int] = {}
        """First pfn -> order of blocks handed out, for orders above 0.

        The simulator's own knowledge: Linux does not know the order of a block in use.
        """
        self.compound: dict[int, int] = {}
        """Head pfn -> order of a compound page."""
        self.slabs: dict[int, int] = {}
        """First pfn -> order of frames in the hands of the slab allocator."""
        self.lru: dict[int, int] = {}
        """First pfn -> order of pages on an LRU list (page cache, user memory)."""
        self.lru_in_pageblock: dict[int, int] = {}
        """Pageblock number -> how many of its frames are on an LRU list or movable."""
        self.special: set[int] = set()
        """First pfns of slabs and LRU pages, and suspects: what is not freed without a look."""
        self.bad_since = 0
        """When the present minute of bad-page reports began, in nanoseconds since boot."""
        self.bad_reported = 0
        self.written_maps: set[int] = set()
        """Numbers of pageblocks into whose struct pages a driver has written."""
        self.written_counts: set[int] = set()
        """Frames over whose `_refcount` a driver has written: what it wrote is their count."""
        self._starts: list[int] = []
        self._ends: list[int] = []

    # --- reference counts -------------------------------------------------------------------

    def refcount(self, pfn: int) -> int:
        """Return `_refcount`; reserved frames have 1 (`mm/mm_init.c:__init_single_page`)."""
        count = self.refcounts.get(pfn)
        if count is None:
            return 1 if self.is_reserved(pfn) else 0
        return count

    def set_refcount(self, pfn: int, count: int) -> None:
        """Set `_refcount` the way get_page and put_page do."""
        refcounts = self.refcounts
        if count == 0:
            refcounts.pop(pfn, None)
            self.suspects.discard(pfn)
            self._look_again(pfn)
            return
        if pfn not in refcounts and not self.is_reserved(pfn):
            self.suspects.add(pfn)
            self.distrusted.add(pfn)
            self.special.add(pfn)
        refcounts[pfn] = count

    def set_single(self, frames: range) -> None:
        """Make the frames of one block single pages with one reference each."""
        refcounts = self.refcounts
        if refcounts.get(frames[0], 1) == 1 and self.special.isdisjoint(frames):
            refcounts.update(dict.fromkeys(frames, ONCE))
        else:
            refcounts.update(dict.fromkeys(frames[1:], 1))

    def _look_again(self, pfn: int) -> None:
        if not (pfn in self.slabs or pfn in self.lru or pfn in self.suspects):
            self.special.discard(pfn)
            if self.refcounts.get(pfn) == 1 and pfn not in self.orders:
                self.refcounts[pfn] = ONCE

    def _mark_special(self, pfn: int) -> None:
        self.special.add(pfn)
        if self.refcounts.get(pfn) is ONCE:
            self.refcounts[pfn] = 1

    def suspects_in(self, pfn: int, count: int) -> list[int]:
        """Return the suspects among `count` frames, ascending."""
        return sorted(frame for frame in self.suspects if pfn <= frame < pfn + count)

    # --- compound pages and types -----------------------------------------------------------

    def compound_head(self, pfn: int) -> int:
        """Return the head of the compound page a frame belongs to, or the frame itself."""
        return _owner(self.compound, pfn, pfn)

    def compound_order(self, pfn: int) -> int:
        """Return the order of the compound page with this head, 0 for a single page."""
        return self.compound.get(pfn, 0)

    def set_slab(self, pfn: int, order: int) -> None:
        """Mark 2**order frames as a slab (`__SetPageSlab`)."""
        self.slabs[pfn] = order
        self._mark_special(pfn)

    def clear_slab(self, pfn: int) -> None:
        """Remove the slab mark from the block that starts at `pfn`."""
        self.slabs.pop(pfn, None)
        self._look_again(pfn)

    def is_slab(self, pfn: int) -> bool:
        """Tell whether a frame lies in a slab."""
        return _owner(self.slabs, pfn, -1) >= 0

    def slab_head(self, pfn: int) -> int:
        """Return the first frame of the slab that holds `pfn`, or -1."""
        return _owner(self.slabs, pfn, -1)

    def set_lru(self, pfn: int, order: int = 0) -> None:
        """Mark 2**order frames as being on an LRU list (or otherwise movable)."""
        if pfn not in self.lru:
            self.lru[pfn] = order
            self._mark_special(pfn)
            self._count_lru(pfn, order, 1)

    def clear_lru(self, pfn: int) -> None:
        """Remove the LRU mark from the block that starts at `pfn`."""
        order = self.lru.pop(pfn, None)
        if order is not None:
            self._look_again(pfn)
            self._count_lru(pfn, order, -1)

    def is_lru(self, pfn: int) -> bool:
        """Tell whether a frame is on an LRU list."""
        return _owner(self.lru, pfn, -1) >= 0

    def _count_lru(self, pfn: int, order: int, sign: int) -> None:
        counts = self.lru_in_pageblock
        left = 1 << order
        while left > 0:
            block = pfn >> PAGEBLOCK_SHIFT
            part = min(left, ((block + 1) << PAGEBLOCK_SHIFT) - pfn)
            counts[block] = counts.get(block, 0) + sign * part
            pfn += part
            left -= part

    # --- managed and reserved ---------------------------------------------------------------

    def add_managed(self, start: int, end: int) -> None:
        """Note that [start, end) belongs to the page allocator from now on."""
        starts, ends = self._starts, self._ends
        index = bisect_right(starts, start)
        if index and ends[index - 1] == start:
            index -= 1
            ends[index] = end
        else:
            starts.insert(index, start)
            ends.insert(index, end)
        if index + 1 < len(starts) and starts[index + 1] == end:
            ends[index] = ends.pop(index + 1)
            del starts[index + 1]

    def is_reserved(self, pfn: int) -> bool:
        """Tell whether a frame was never handed to the page allocator (kernel image, holes)."""
        index = bisect_right(self._starts, pfn) - 1
        return index < 0 or pfn >= self._ends[index]

    def managed_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the [start, end) pfn ranges of all managed frames, ascending."""
        yield from zip(self._starts, self._ends, strict=True)


def _owner(blocks: dict[int, int], pfn: int, default: int) -> int:
    """Return the start of the naturally aligned block that covers `pfn`."""
    if not blocks:
        return default
    for order in range(_MAX_ORDER + 1):
        head = pfn >> order << order
        if blocks.get(head, -1) >= order:
            return head
    return default
