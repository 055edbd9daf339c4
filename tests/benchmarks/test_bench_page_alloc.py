"""Speed of the page allocator beside a textbook buddy, and what big machines cost to boot."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kmemquest.kernel.conform.bare_machine import bare_machine
from kmemquest.kernel.gfp import GFP_KERNEL, HIGHMEM, MOVABLE
from kmemquest.kernel.mm.page_alloc import NO_PAGE, PageAllocator
from kmemquest.kernel.spec import MachineSpec

pytestmark = pytest.mark.benchmark_figures

FRAMES = 1 << 18
HELD_FRAMES = FRAMES // 2
HELD_BLOCKS = 6000
GFP = GFP_KERNEL | HIGHMEM | MOVABLE
STEPS = 60_000


class TextbookBuddy:
    """Sets of free blocks per order and a table of what is in use.

    No list order, no migratetypes, no watermarks, no per-CPU lists, no zones.
    """

    def __init__(self, frames: int, max_order: int = 10) -> None:
        self.max_order = max_order
        self.free: list[set[int]] = [set() for _ in range(max_order + 1)]
        self.free[max_order].update(range(0, frames, 1 << max_order))
        self.in_use: dict[int, int] = {}

    def alloc_pages(self, gfp: int, order: int) -> int:
        have = order
        while have <= self.max_order and not self.free[have]:
            have += 1
        if have > self.max_order:
            return NO_PAGE
        pfn = self.free[have].pop()
        while have > order:
            have -= 1
            self.free[have].add(pfn + (1 << have))
        self.in_use[pfn] = order
        return pfn

    def free_pages(self, pfn: int, order: int) -> None:
        if self.in_use.pop(pfn, None) != order:
            raise ValueError("freed what is not in use")
        while order < self.max_order:
            buddy = pfn ^ (1 << order)
            if buddy not in self.free[order]:
                break
            self.free[order].remove(buddy)
            pfn &= buddy
            order += 1
        self.free[order].add(pfn)


def big_machine(start_pfn: int, end_pfn: int) -> PageAllocator:
    machine = bare_machine(MachineSpec(), end_pfn)
    pages = PageAllocator(machine)
    machine.pages = pages
    dma32_end = min(end_pfn, 1 << 20)
    pages.add_zone(0, 0, 1, 4096, 4095)
    pages.add_zone(0, 1, 4096, dma32_end, dma32_end - 4096)
    if end_pfn > dma32_end:
        pages.add_zone(0, 2, dma32_end, end_pfn, end_pfn - dma32_end)
    pages.build_zonelists()
    pages.free_range(start_pfn, end_pfn)
    pages.enable_pcp()
    pages.setup_watermarks()
    pages.recommend_min_free()
    return pages


def workload(orders: Callable[[random.Random], int]) -> list[tuple[int, int]]:
    """Return (order, victim) steps: an order to allocate, or −1 to free a random block.

    Memory fills up and empties again, with some coming and going on the way.
    """
    source = random.Random(11)
    steps: list[tuple[int, int]] = []
    held: list[int] = []
    in_use = 0
    filling = True
    while len(steps) < STEPS or held:
        filling = (filling or not held) and len(steps) < STEPS
        filling = filling and in_use < HELD_FRAMES and len(held) < HELD_BLOCKS
        if not held or (source.random() < (0.7 if filling else 0.3) and len(steps) < STEPS):
            held.append(orders(source))
            in_use += 1 << held[-1]
            steps.append((held[-1], 0))
        else:
            victim = source.randrange(len(held))
            held[victim], held[-1] = held[-1], held[victim]
            in_use -= 1 << held.pop()
            steps.append((-1, victim))
    return steps


def run(
    alloc: Callable[[int, int], int],
    free: Callable[[int, int], None],
    steps: list[tuple[int, int]],
) -> float:
    held: list[tuple[int, int]] = []
    gc.disable()
    begin = time.perf_counter()
    for order, victim in steps:
        if order >= 0:
            held.append((alloc(GFP, order), order))
        else:
            held[victim], held[-1] = held[-1], held[victim]
            free(*held.pop())
    elapsed = time.perf_counter() - begin
    gc.enable()
    return elapsed


WORKLOADS: dict[str, Callable[[random.Random], int]] = {
    "order 0": lambda source: 0,
    "geometric 0..9": lambda source: min(9, int(source.expovariate(0.9))),
}
PAST_THE_LISTS: dict[str, Callable[[random.Random], int]] = {
    "orders 4..8": lambda source: source.randint(4, 8),
}


def best_ratio(name: str, orders: Callable[[random.Random], int]) -> float:
    steps = workload(orders)
    plain, ours = [], []
    for _ in range(9):
        textbook = TextbookBuddy(FRAMES)
        plain.append(run(textbook.alloc_pages, textbook.free_pages, steps))
        pages = big_machine(1024, 1024 + FRAMES)
        ours.append(run(pages.alloc_pages, pages.free_pages, steps))
    ratio = min(plain) / min(ours)
    print(f"{name}: {ratio:.2f} of the textbook's throughput")
    return ratio


@pytest.mark.parametrize(("name", "share"), [("order 0", 0.5), ("geometric 0..9", 0.45)])
def test_throughput_is_about_half_of_a_textbook_buddy(name: str, share: float) -> None:
    assert best_ratio(name, WORKLOADS[name]) >= share


def test_blocks_too_large_for_the_per_cpu_lists_keep_a_quarter() -> None:
    """The worst case: no list saves work, while sets hardly split or merge here."""
    for name, orders in PAST_THE_LISTS.items():
        assert best_ratio(name, orders) >= 0.25


HAND_OVER_PROBE = """
import time
from kmemquest.kernel.conform.bare_machine import bare_machine
from kmemquest.kernel.mm.page_alloc import PageAllocator
from kmemquest.kernel.spec import MachineSpec

begin = time.perf_counter()
pages = PageAllocator(bare_machine(MachineSpec(), {frames}))
for index, start, end in ((0, 1, 4096), (1, 4096, 1 << 20), (2, 1 << 20, {frames})):
    pages.add_zone(0, index, start, end, end - start)
pages.build_zonelists()
pages.free_range(256, {frames})
pages.enable_pcp()
pages.setup_watermarks()
elapsed = time.perf_counter() - begin
assert pages.nr_free_pages() == {frames} - 256
with open("/proc/self/status") as status:
    peak = next(line for line in status if line.startswith("VmHWM"))
print(elapsed * 1000, int(peak.split()[1]) / 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc/self/status")
@pytest.mark.parametrize(("tib", "milliseconds", "mebibytes"), [(1, 100, 60), (64, 200, 100)])
def test_big_memory_is_handed_over_quickly(tib: int, milliseconds: int, mebibytes: int) -> None:
    code = HAND_OVER_PROBE.format(frames=tib << 28)
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    print(f"{tib} TiB: {float(output[0]):.1f} ms, {float(output[1]):.0f} MiB resident")
    assert float(output[0]) <= milliseconds
    assert float(output[1]) <= mebibytes
