"""The fast path is the complete path in fewer steps: same frames, lists, time and events."""

from __future__ import annotations

import random

import pytest
from page_alloc_checks import small_machine

from kmemquest.kernel.events import Event
from kmemquest.kernel.gfp import (
    COMP,
    GFP_ATOMIC,
    GFP_DMA,
    GFP_HIGHUSER_MOVABLE,
    GFP_KERNEL,
    GFP_NOWAIT,
    RECLAIMABLE,
)
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.page_alloc import PageAllocator
from kmemquest.kernel.mm.zone import MAX_PAGE_ORDER, ZONE_BELOW_HIGH

MASKS = (
    *(GFP_KERNEL,) * 4,
    GFP_KERNEL | COMP,
    GFP_ATOMIC,
    GFP_NOWAIT | GFP_DMA,
    GFP_HIGHUSER_MOVABLE,
    GFP_NOWAIT | RECLAIMABLE,
)
ORDERS = ((0,), (0, 0, 0, 1), (0, 1, 2, 3), (0, 0, 3, 5, 9), (4, 7, 10), (10,))


def state(pages: PageAllocator) -> list[object]:
    frames = pages.frames
    found: list[object] = [pages.clock.now, dict(pages.pageblocks)]
    found += [frames.refcounts, frames.orders, frames.compound]
    for zone in pages.zones:
        pcp = zone.pageset
        found += [zone.name, zone.free, zone.diff, zone.flags, zone.boost]
        found += [pcp.count, pcp.high, pcp.flags, pcp.alloc_factor, pcp.free_count]
        found += [pages.free_blocks(zone), pages.pcp_contents(zone)]
    return found


def live(machine: Machine, seed: int, most: int) -> list[object]:
    """Take and give pages, now and then in a sudden way; return what happened on the way."""
    source, pages = random.Random(seed), machine.pages
    held: list[tuple[int, int]] = []
    trail: list[object] = []
    zone = pages.zones[-1]
    for step in range(12_000):
        if step % 1500 == 0:
            orders = source.choice(ORDERS)
        if len(held) < most and source.random() < 0.55:
            order = source.choice(orders)
            pfn = pages.alloc_pages(source.choice(MASKS), order)
            trail.append(pfn)
            if pfn >= 0:
                held.append((pfn, order))
        elif held:
            pages.free_pages(*held.pop(source.randrange(len(held))))
        if source.random() < 0.001:
            pages.drain_all_pages()
        if source.random() < 0.0005:
            pages.vmstat_tick()
        if source.random() < 0.002:
            pages.setup_watermarks(source.randrange(200, 9000))
        if source.random() < 0.002 and held:
            pages.get_page(held[-1][0])
            pages.free_pages(*held[-1])
        trail += [machine.clock.now, zone.pageset.high, zone.flags]
    return [*trail, *state(pages)]


@pytest.mark.parametrize("most", [40, 150, 700, 1500, 6000, 16_000])
@pytest.mark.parametrize("watched", [False, True])
def test_both_paths_agree_on_everything(
    most: int, watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Event]] = []
    lives = []
    for complete in (False, True):
        if complete:
            monkeypatch.setattr(PageAllocator, "alloc_pages", PageAllocator.alloc_pages_fully)
            monkeypatch.setattr(PageAllocator, "free_pages", PageAllocator.free_pages_fully)
        machine = small_machine()
        seen.append([])
        if watched:
            machine.events.subscribe(seen[-1].append)
        lives.append(live(machine, most, most))
    assert lives[0] == lives[1]
    assert seen[0] == seen[1]
    assert bool(seen[0]) == watched


def test_the_fast_path_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the comparison above compares nothing."""
    pages = small_machine().pages
    pages.free_pages(pages.alloc_pages(GFP_KERNEL, 0), 0)

    def refuse(*_: object) -> int:
        raise AssertionError("the complete path")

    monkeypatch.setattr(PageAllocator, "alloc_pages_fully", refuse)
    monkeypatch.setattr(PageAllocator, "free_pages_fully", refuse)
    for order in (0, 0):
        pages.free_pages(pages.alloc_pages(GFP_KERNEL, order), order)


def test_falling_below_high_is_noticed_while_large_blocks_are_left() -> None:
    pages = small_machine().pages
    zone = pages.zones[-1]
    singles = [pages.alloc_pages(GFP_KERNEL, 0) for _ in range(8000)]
    for pfn in singles[::2]:
        pages.free_pages(pfn, 0)
    pages.drain_all_pages()
    zone.marks = [0, 0, zone.free - 1500, zone.free]
    large = zone.nr_free(MAX_PAGE_ORDER)
    for _ in range(3000):
        pages.alloc_pages(GFP_KERNEL, 0)
    assert zone.nr_free(MAX_PAGE_ORDER) == large > 1
    assert zone.flags & ZONE_BELOW_HIGH
