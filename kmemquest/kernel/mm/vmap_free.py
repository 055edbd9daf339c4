"""Free virtual space: a list of blocks in address order, lowest first fit.

Source: `mm/vmalloc.c:find_vmap_lowest_match`, `va_clip`, `merge_or_add_vmap_area`. The kernel keeps
the blocks in an augmented tree; what a request gets is the lowest block that is surely large
enough, which this list finds directly.
"""

from __future__ import annotations

from bisect import bisect_right

from kmemquest.kernel.address import PAGE_SIZE

SPACE_START = 1
SPACE_END = (1 << 64) - 1
"""The one free block of a booting kernel is [1, ULONG_MAX) (`vmap_init_free_space`)."""


class FreeSpace:
    """Disjoint, never touching free blocks [start, end) in bytes, sorted by address."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, blocks: list[tuple[int, int]] | None = None) -> None:
        blocks = [(SPACE_START, SPACE_END)] if blocks is None else sorted(blocks)
        self._starts = [start for start, _ in blocks]
        self._ends = [end for _, end in blocks]

    def blocks(self) -> list[tuple[int, int]]:
        """Return the free blocks as [start, end) pairs in address order."""
        return list(zip(self._starts, self._ends, strict=True))

    def allocate(self, size: int, align: int, low: int, high: int) -> int | None:
        """Take `size` bytes aligned to `align` from [low, high); None when nothing fits.

        A request aligned beyond a page is only tried in blocks that hold it wherever they start
        (size + align - 1 bytes), unless the window is exactly as large as the request.
        """
        sure = size
        if align > PAGE_SIZE and high - low != size:
            sure = size + align - 1
        index = max(bisect_right(self._starts, low) - 1, 0)
        starts, ends = self._starts, self._ends
        for position in range(index, len(starts)):
            start, end = starts[position], ends[position]
            if end - start < sure:
                continue
            address = (max(start, low) + align - 1) & -align
            if address + size > end:
                continue
            if address + size > high:
                return None
            self._clip(position, address, address + size)
            return address
        return None

    def take(self, start: int, end: int) -> bool:
        """Take exactly [start, end); False when any byte of it is in use."""
        position = bisect_right(self._starts, start) - 1
        if position < 0 or self._ends[position] < end:
            return False
        self._clip(position, start, end)
        return True

    def give(self, start: int, end: int) -> None:
        """Put [start, end) back and join it with the blocks it touches."""
        position = bisect_right(self._starts, start)
        joins_left = position > 0 and self._ends[position - 1] == start
        joins_right = position < len(self._starts) and self._starts[position] == end
        if joins_left and joins_right:
            self._ends[position - 1] = self._ends[position]
            del self._starts[position], self._ends[position]
        elif joins_left:
            self._ends[position - 1] = end
        elif joins_right:
            self._starts[position] = start
        else:
            self._starts.insert(position, start)
            self._ends.insert(position, end)

    def _clip(self, position: int, start: int, end: int) -> None:
        left = self._starts[position] < start
        right = end < self._ends[position]
        if left and right:
            self._starts.insert(position + 1, end)
            self._ends.insert(position, start)
        elif left:
            self._ends[position] = start
        elif right:
            self._starts[position] = end
        else:
            del self._starts[position], self._ends[position]
