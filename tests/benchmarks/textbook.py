"""The yardstick: a buddy allocator as textbooks write it, and the mixes both must serve."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from kmemquest.kernel.mm.zone import NO_PAGE

Step = tuple[int, int]
"""(order, −1) allocates; (order, index) frees the held block of that index."""

SEED = 11
STEPS = 400_000


class TextbookBuddy:
    """Sets of free blocks per order and a table of what is in use.

    No list order, no migratetypes, no watermarks, no per-CPU lists, no zones, no time.
    """

    def __init__(self, frames: int, max_order: int = 10) -> None:
        self.max_order = max_order
        self.free: list[set[int]] = [set() for _ in range(max_order + 1)]
        self.free[max_order].update(range(0, frames, 1 << max_order))
        self.in_use: dict[int, int] = {}

    def alloc_pages(self, gfp: int, order: int) -> int:
        free, have = self.free, order
        while have <= self.max_order and not free[have]:
            have += 1
        if have > self.max_order:
            return NO_PAGE
        pfn = free[have].pop()
        while have > order:
            have -= 1
            free[have].add(pfn + (1 << have))
        self.in_use[pfn] = order
        return pfn

    def free_pages(self, pfn: int, order: int) -> None:
        if self.in_use.pop(pfn, None) != order:
            raise ValueError("freed what is not in use")
        free = self.free
        while order < self.max_order:
            buddy = pfn ^ (1 << order)
            if buddy not in free[order]:
                break
            free[order].remove(buddy)
            pfn &= buddy
            order += 1
        free[order].add(pfn)


def recorded_orders(source: random.Random) -> int:
    """Draw an order 0..10 as the recordings' general traces do: each next one is a quarter."""
    order = 0
    while order < 10 and source.random() < 0.27:
        order += 1
    return order


def filling_and_emptying(steps: int = STEPS) -> Iterator[Step]:
    """Yield a working set of 6,000 blocks that builds up and dissolves, with coming and going."""
    source = random.Random(SEED)
    held: list[int] = []
    filling = True
    for _ in range(steps):
        if filling:
            filling = len(held) < 6000
        else:
            filling = not held
        if not held or source.random() < (0.7 if filling else 0.3):
            held.append(recorded_orders(source))
            yield held[-1], -1
        else:
            yield _free_any(held, source)


def standing(
    blocks: int, steps: int = STEPS, draw: Callable[[random.Random], int] = recorded_orders
) -> Iterator[Step]:
    """Yield a working set that stays between half of `blocks` and `blocks`."""
    source = random.Random(SEED)
    held: list[int] = []
    for _ in range(steps):
        if len(held) < blocks // 2 or (len(held) < blocks and source.random() < 0.5):
            held.append(draw(source))
            yield held[-1], -1
        else:
            yield _free_any(held, source)


def _free_any(held: list[int], source: random.Random) -> Step:
    victim = source.randrange(len(held))
    order = held[victim]
    held[victim] = held[-1]
    held.pop()
    return order, victim
