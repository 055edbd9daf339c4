"""A machine with a past: memory worn by a seeded workload that really runs.

Nothing is set by hand: files are read into the page cache, accessed in random order, dropped by
reclaim, and between them the kernel takes pages of its own that never move again. The state of
the free lists is whatever the allocator made of that.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp
from kmemquest.kernel.mm.page_cache import PageCache
from kmemquest.kernel.mm.zone import PAGE_ALLOC_COSTLY_ORDER

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

HOUR: Final = 3_600_000_000_000
UPTIMES: Final = ("fresh", "worn", "fragmented")
CHUNK_PAGES: Final = 64
CHURN_SHARE: Final = 8
"""While memory is full, a further 1/8 of it is read and so as much is reclaimed."""


@dataclass(frozen=True, slots=True)
class _Past:
    """How a machine was used: shares are percent of the memory that was free at the start."""

    filled: int
    kept: int
    kernel_page_every: int
    churns: bool
    hours: int


_PASTS: Final = {
    "worn": _Past(filled=55, kept=20, kernel_page_every=48, churns=False, hours=6),
    "fragmented": _Past(filled=100, kept=50, kernel_page_every=24, churns=True, hours=480),
}


def age(machine: Machine, seed: int, uptime: str) -> None:
    """Give a booted machine a past; `uptime` is fresh, worn or fragmented.

    Afterwards a worn machine has free blocks of every order, but fewer big ones. On a fragmented
    one nearly half of the memory is free and still no block of order 4 is there for a caller that
    may not wait; compaction can make one, as most pages are movable. The work is proportional to
    the RAM (about 0.4 s for 256 MiB).
    """
    if uptime not in UPTIMES:
        raise ValueError(f"uptime {uptime!r}: expected one of {', '.join(UPTIMES)}")
    if uptime == "fresh":
        return
    past = _PASTS[uptime]
    chance = random.Random(seed)
    cache = machine.reclaim.page_cache
    free = machine.pages.nr_free_pages()
    _read_files(machine, free * past.filled // 100, past.kernel_page_every)
    _access_randomly(cache, chance)
    if past.churns:
        _read_files(machine, free // CHURN_SHARE, past.kernel_page_every)
        _access_randomly(cache, chance)
    _drop_old_files(machine, free * past.kept // 100)
    if past.churns:
        _take_big_blocks(machine)
    for _ in range(2):
        machine.pages.vmstat_tick()
    machine.clock.advance(past.hours * HOUR)


def _read_files(machine: Machine, pages: int, kernel_page_every: int) -> None:
    """Read files; every so many pages the kernel takes one for itself and keeps it."""
    cache = machine.reclaim.page_cache
    until_kernel_page = kernel_page_every
    while pages > 0:
        size = min(CHUNK_PAGES, pages, until_kernel_page)
        if cache.fill(size) < size:
            return
        pages -= size
        until_kernel_page -= size
        if not until_kernel_page:
            machine.pages.alloc_pages(gfp.GFP_KERNEL | gfp.NORETRY | gfp.NOWARN, 0)
            until_kernel_page = kernel_page_every


def _access_randomly(cache: PageCache, chance: random.Random) -> None:
    """Read pages that are cached already: the order of last use becomes random."""
    for node, lru in enumerate(cache.lru):
        order = list(lru)
        chance.shuffle(order)
        cache.lru[node] = dict.fromkeys(order)


def _drop_old_files(machine: Machine, kept: int) -> None:
    """Let files be deleted or reclaimed until `kept` pages of the page cache are left."""
    reclaim = machine.reclaim
    surplus = len(reclaim.page_cache) - kept
    highest = max(zone.index for zone in machine.pages.zones)
    for node in range(len(machine.pages.nodes)):
        share = surplus // len(machine.pages.nodes)
        while share > 0:
            got = reclaim.shrink_node(node, share, 0, highest, "kswapd")
            if not got:
                break
            share -= got


def _take_big_blocks(machine: Machine) -> None:
    """Let long-lived kernel buffers take what big blocks are left."""
    machine.pages.drain_all_pages()
    mask = gfp.GFP_ATOMIC | gfp.NOWARN
    while machine.pages.alloc_pages(mask, PAGE_ALLOC_COSTLY_ORDER + 1) >= 0:
        pass
