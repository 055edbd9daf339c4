"""Properties of the vmalloc window: nothing overlaps, guards stay unmapped, purges give back."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from kmemquest.kernel.address import PAGE_SIZE, VMALLOC_END, VMALLOC_START
from kmemquest.kernel.events import Event
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.vmap_free import FreeSpace
from kmemquest.kernel.mm.vmap_space import VaSpace
from kmemquest.kernel.spec import MIB, MachineSpec

BOOTED = {cpus: Machine.boot(MachineSpec(ram=64 * MIB, cpus=cpus)).snapshot() for cpus in (1, 2, 4)}

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["vmalloc", "kvmalloc", "huge", "vfree", "vmap", "ioremap", "purge"]),
        st.integers(1, 700_000),
        st.integers(0, 40),
    ),
    max_size=25,
)


def play(machine: Machine, actions: list[tuple[str, int, int]]) -> list[int]:
    """Act, checking the window after each step; return the addresses handed out."""
    vmalloc = machine.vmalloc
    live: list[tuple[int, str]] = []
    got = []
    for action, size, which in actions:
        if action == "purge":
            vmalloc.purge()
        elif action == "vfree" and live:
            address, kind = live.pop(which % len(live))
            if kind == "vmap":
                vmalloc.vunmap(address)
            elif kind == "ioremap":
                machine.ioremap.iounmap(address)
            else:
                vmalloc.kvfree(address)
        elif action != "vfree":
            address = {
                "vmalloc": lambda size=size: vmalloc.vmalloc(size),
                "kvmalloc": lambda size=size: vmalloc.kvmalloc(size, GFP_KERNEL),
                "huge": lambda size=size: vmalloc.vmalloc_huge(size * 6),
                "vmap": lambda size=size: vmalloc.vmap([size % 4096, 7, 9]),
                "ioremap": lambda size=size: machine.ioremap.ioremap(0xE000_0000, size),
            }[action]()
            got.append(address)
            if address:
                live.append((address, action))
        check_window(machine)
    for address, kind in live:
        if kind == "vmap":
            vmalloc.vunmap(address)
        elif kind == "ioremap":
            machine.ioremap.iounmap(address)
        else:
            vmalloc.kvfree(address)
    return got


def check_window(machine: Machine) -> None:
    """No two ranges overlap, whatever their state; guards are unmapped; pages are not shared."""
    vmalloc = machine.vmalloc
    space = vmalloc.space
    ranges = [(area.start, area.end) for area in space.areas()]
    ranges += [(lazy.start, lazy.start + lazy.pages * PAGE_SIZE) for lazy in space.lazy_ranges()]
    ranges += space.pooled_ranges() + space.free.blocks()
    ranges.sort()
    for (_, end), (start, _) in itertools.pairwise(ranges):
        assert end <= start
    owned: set[int] = set()
    for area in space.areas():
        if VMALLOC_START <= area.start < VMALLOC_END and area.kind != "percpu":
            assert machine.memory.translate(area.end - 1) is None
            assert machine.memory.translate(area.end - PAGE_SIZE - 1) is not None
        assert owned.isdisjoint(area.pfns)
        owned.update(area.pfns)
    for lazy in space.lazy_ranges():
        for page in range(lazy.pages):
            assert machine.memory.translate(lazy.start + page * PAGE_SIZE) is None


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([1, 2, 4]), ACTIONS)
def test_ranges_never_overlap_and_a_full_purge_restores_free_space(
    cpus: int, actions: list[tuple[str, int, int]]
) -> None:
    machine = Machine.restore(BOOTED[cpus])
    machine.vmalloc._purge(full_decay=True)
    before = machine.vmalloc.space.free.blocks()
    areas = machine.vmalloc.areas
    play(machine, actions)
    machine.vmalloc._purge(full_decay=True)
    assert machine.vmalloc.space.free.blocks() == before
    assert machine.vmalloc.areas == areas
    assert machine.vmalloc.space.lazy_pages == 0
    assert not machine.vmalloc.space.pooled_ranges()


@settings(max_examples=15, deadline=None)
@given(ACTIONS)
def test_the_same_acts_give_the_same_events(actions: list[tuple[str, int, int]]) -> None:
    streams: list[list[Event]] = []
    for _ in range(2):
        machine = Machine.restore(BOOTED[2])
        events: list[Event] = []
        machine.events.subscribe(events.append)
        play(machine, actions)
        streams.append(events)
    assert streams[0] == streams[1]


SIZES = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 4), st.booleans()), max_size=80)


@settings(max_examples=150, deadline=None)
@given(SIZES, st.integers(0, 1000))
def test_first_fit_is_lowest_fit(steps: list[tuple[int, int, bool]], seed: int) -> None:
    """Against the plainest possible search, page by page."""
    low, pages = 1 << 40, 256
    free = FreeSpace([(low, low + pages * PAGE_SIZE)])
    map_ = [False] * pages
    order = random.Random(seed)
    live: list[tuple[int, int]] = []
    for count, align_bits, take in steps:
        if take or not live:
            size, align = count * PAGE_SIZE, PAGE_SIZE << align_bits
            sure = count if align_bits == 0 else -(-(size + align - 1) // PAGE_SIZE)
            expected = _naive_first_fit(map_, count, 1 << align_bits, sure)
            got = free.allocate(size, align, low, low + (1 << 30))
            assert got == (None if expected is None else low + expected * PAGE_SIZE)
            if expected is not None:
                map_[expected : expected + count] = [True] * count
                live.append((expected, count))
        else:
            first, length = live.pop(order.randrange(len(live)))
            map_[first : first + length] = [False] * length
            free.give(low + first * PAGE_SIZE, low + (first + length) * PAGE_SIZE)
    blocks = free.blocks()
    assert sum(end - start for start, end in blocks) == map_.count(False) * PAGE_SIZE
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(blocks))


def _naive_first_fit(taken: list[bool], count: int, align: int, sure: int) -> int | None:
    start = 0
    while start < len(taken):
        if taken[start]:
            start += 1
            continue
        end = start
        while end < len(taken) and not taken[end]:
            end += 1
        first = -(-start // align) * align
        if end - start >= sure and first + count <= end:
            return first
        start = end
    return None


def test_pools_are_last_in_first_out_per_size() -> None:
    space = VaSpace(2, FreeSpace([(VMALLOC_START, VMALLOC_END)]))
    machine_free = Machine.restore(BOOTED[2])
    vmalloc = machine_free.vmalloc
    vmalloc.space = space
    first, second, third = (vmalloc.vmalloc(PAGE_SIZE) for _ in range(3))
    for address in (first, second, third):
        vmalloc.vfree(address)
    vmalloc.purge()
    assert [start for start, _ in space.pooled_ranges()] == [first, second, third]
    # The highest address was pushed last, so it is taken first.
    assert vmalloc.vmalloc(PAGE_SIZE) == third
    assert vmalloc.vmalloc(2 * PAGE_SIZE) > third
    assert vmalloc.vmalloc(PAGE_SIZE) == second
    # Fewer than four entries: the next purge gives all of them back.
    vmalloc.purge()
    assert space.pooled_ranges() == []
