"""Whatever a well-behaved driver does, the books agree; and the same commands, the same events."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kmemquest.kernel.conform.slub import slab_machine
from kmemquest.kernel.events import Event
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.slab_cache import KmemCache
from kmemquest.kernel.mm.slab_geometry import SLAB_NO_MERGE
from kmemquest.kernel.spec import Checkers, MachineSpec

STEPS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1 << 30)), max_size=150)
LETTERS = st.sampled_from(["", "", "FZPU", "Z", "P", "U"])


def replay(
    size: int, cpus: int, letters: str, steps: list[tuple[int, int]]
) -> tuple[Machine, KmemCache, list[int], list[Event]]:
    spec = MachineSpec(cpus=cpus, checkers=Checkers(slub_debug=letters))
    machine = slab_machine(spec)
    events: list[Event] = []
    machine.events.subscribe(events.append)
    slub = machine.slub
    cache = slub.create("thing", size, 0, SLAB_NO_MERGE)
    assert cache is not None
    live: list[int] = []
    for action, number in steps:
        slub.cpu = number % cpus
        if action < 4 or not live:
            live.append(slub.alloc(cache, GFP_KERNEL))
        elif action < 5:
            live += slub.alloc_bulk(cache, GFP_KERNEL, number % 40)
        elif action < 8:
            slub.free(cache, live.pop(number % len(live)))
        elif action < 9:
            count = number % len(live)
            slub.free_bulk(cache, [live.pop() for _ in range(count)])
        else:
            slub.shrink(cache)
    return machine, cache, live, events


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 4), LETTERS, STEPS)
def test_no_object_twice_and_all_counters_agree(
    size: int, cpus: int, letters: str, steps: list[tuple[int, int]]
) -> None:
    machine, cache, live, _ = replay(size, cpus, letters, steps)
    slub = machine.slub
    assert len(set(live)) == len(live)
    ordered = sorted(live)
    assert all(b - a >= cache.size for a, b in pairwise(ordered))
    slabs = {slab.pfn: slab for slab in slub.slabs.values() if slab.cache is cache}
    assert cache.nr_slabs == len(slabs)
    assert sum(slab.owned.bit_count() for slab in slabs.values()) == len(live)
    waiting = {
        state.slab.pfn: len(slub.cpu_freelist(cache, cpu))
        for cpu, state in enumerate(cache.cpus)
        if state.slab is not None
    }
    for pfn, slab in slabs.items():
        free = slub.free_objects_of(slab)
        assert slab.inuse == slab.objects - len(free)
        assert slab.owned.bit_count() == slab.inuse - waiting.get(pfn, 0)
        assert not {*free} & {*live}
        assert slab.frozen == (pfn in waiting)
        assert slab.on_node_list == (pfn in cache.nodes[0].partial)
    assert not machine.log.lines


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 3), LETTERS, STEPS)
def test_all_freed_and_shrunk_leaves_no_slab(
    size: int, cpus: int, letters: str, steps: list[tuple[int, int]]
) -> None:
    machine, cache, live, _ = replay(size, cpus, letters, steps)
    for address in live:
        machine.slub.free(cache, address)
    for cpu in cache.cpus:
        limit = cache.geometry.cpu_partial_slabs
        assert len(cpu.partial) <= max(limit, 1)
    empty = [slab for slab in cache.nodes[0].partial.values() if not slab.inuse]
    kept_by_cpus = cpus * (cache.geometry.cpu_partial_slabs + 1)
    assert len(empty) <= max(cache.min_partial, 1) + kept_by_cpus
    assert machine.slub.shrink(cache) == 0
    assert cache.nr_slabs == 0
    assert not machine.log.lines


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 2000), st.integers(1, 3), LETTERS, STEPS)
def test_same_commands_same_events(
    size: int, cpus: int, letters: str, steps: list[tuple[int, int]]
) -> None:
    assert replay(size, cpus, letters, steps)[3] == replay(size, cpus, letters, steps)[3]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=2, max_size=12), st.sampled_from(["", "FZPU"]))
def test_krealloc_keeps_what_fits(sizes: list[int], letters: str) -> None:
    machine = slab_machine(MachineSpec(checkers=Checkers(slub_debug=letters)))
    kmalloc, memory = machine.kmalloc, machine.memory
    address, content = 0, b""
    for turn, size in enumerate(min(size, 8192) for size in sizes):
        address = kmalloc.krealloc(address, size, GFP_KERNEL)
        assert memory.peek(address, min(len(content), size)) == content[:size]
        if not letters:
            assert kmalloc.ksize(address) >= size
        content = bytes((index * 31 + turn) & 0xFF for index in range(size))
        assert memory.store_bytes(address, content)
    kmalloc.kfree(address)
    assert not machine.log.lines
