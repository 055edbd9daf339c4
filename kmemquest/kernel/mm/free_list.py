"""One free list of the buddy allocator: exact order, constant-time ends, pristine runs.

A list is kept as three stretches, head first: `front` (a stack whose last entry is the head),
`runs` (ascending blocks that nothing has touched since boot, one tuple for any number of them)
and `back` (oldest first). Linux threads one doubly linked list through the struct pages
(`include/linux/mmzone.h:free_area`); the order seen from outside is the same.
"""

from __future__ import annotations

from collections.abc import Iterator


class FreeList:
    """Blocks of one order and migratetype, named by their first pfn."""

    __slots__ = ("back", "front", "runs", "step")

    def __init__(self, order: int) -> None:
        self.step = 1 << order
        """Pages per block: the distance of neighbours in a run."""
        self.front: dict[int, None] = {}
        self.runs: list[tuple[int, int]] = []
        """[start, end) pfn ranges of whole blocks, in list order."""
        self.back: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self.front) + len(self.back) + self.in_runs()

    def __bool__(self) -> bool:
        return bool(self.front or self.back or self.runs)

    def __iter__(self) -> Iterator[int]:
        yield from reversed(self.front)
        for start, end in self.runs:
            yield from range(start, end, self.step)
        yield from self.back

    def __contains__(self, pfn: object) -> bool:
        return pfn in self.front or pfn in self.back or self._run_of(pfn) >= 0

    def in_runs(self) -> int:
        """Return how many blocks lie in runs."""
        return sum((end - start) // self.step for start, end in self.runs)

    def push_head(self, pfn: int) -> None:
        """Put a block at the head."""
        self.front[pfn] = None

    def push_tail(self, pfn: int) -> None:
        """Put a block at the tail."""
        self.back[pfn] = None

    def push_tail_run(self, start: int, end: int) -> None:
        """Put all blocks of [start, end) at the tail, ascending."""
        if self.back:
            self.back.update(dict.fromkeys(range(start, end, self.step)))
        elif self.runs and self.runs[-1][1] == start:
            self.runs[-1] = (self.runs[-1][0], end)
        else:
            self.runs.append((start, end))

    def head(self) -> int:
        """Return the first block without taking it; the list must not be empty."""
        if not self.front:
            self.refill_front()
        return next(reversed(self.front))

    def pop_head(self) -> int:
        """Take the first block; the list must not be empty."""
        if not self.front:
            self.refill_front()
        return self.front.popitem()[0]

    def remove(self, pfn: int) -> None:
        """Take a given block out; a block that is not listed is ignored."""
        if pfn in self.front:
            del self.front[pfn]
        elif pfn in self.back:
            del self.back[pfn]
        else:
            self._split_run(pfn)

    def refill_front(self) -> None:
        """Fill the empty front of a list that is not: one block of a run, or the whole back.

        Each block passes from back to front at most once, so taking heads stays constant-time.
        """
        if self.runs:
            start, end = self.runs[0]
            self.front[start] = None
            if start + self.step < end:
                self.runs[0] = (start + self.step, end)
            else:
                del self.runs[0]
            return
        self.front = dict.fromkeys(reversed(self.back))
        self.back = {}

    def _run_of(self, pfn: object) -> int:
        if isinstance(pfn, int):
            for index, (start, end) in enumerate(self.runs):
                if start <= pfn < end and not (pfn - start) % self.step:
                    return index
        return -1

    def _split_run(self, pfn: int) -> None:
        index = self._run_of(pfn)
        if index >= 0:
            start, end = self.runs[index]
            parts = [(start, pfn), (pfn + self.step, end)]
            self.runs[index : index + 1] = [part for part in parts if part[0] < part[1]]
