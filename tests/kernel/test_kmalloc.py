"""kmalloc: sizes, types, arrays, krealloc, large requests, sleeping contexts."""

from __future__ import annotations

import pytest

from kmemquest.kernel.context import Frame
from kmemquest.kernel.events import Event, ObjectAllocated, ObjectFreed, Report, SleptInAtomic
from kmemquest.kernel.gfp import (
    ACCOUNT,
    GFP_ATOMIC,
    GFP_DMA,
    GFP_KERNEL,
    GFP_KERNEL_ACCOUNT,
    NOWARN,
    RECLAIMABLE,
)
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.mm.kmalloc import KMALLOC_SIZES, kmalloc_type, size_roundup
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec


def boot(checkers: str = "production") -> tuple[Machine, list[Event]]:
    machine = Machine.boot(MachineSpec(ram=128 * MIB, checkers=Checkers.preset(checkers)))
    machine.context.stack.append(Frame("drv_init", "driver.c", 12, "driver"))
    events: list[Event] = []
    machine.events.subscribe(events.append)
    return machine, events


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        *[(0, 0), (1, 8), (65, 96), (96, 96), (97, 128), (129, 192), (193, 256), (8192, 8192)],
        *[(8193, 16384), (100 << 10, 128 << 10), (4 << 20, 4 << 20)],
        ((4 << 20) + 1, (4 << 20) + 1),
    ],
)
def test_size_roundup(asked: int, given: int) -> None:
    assert size_roundup(asked) == given


@pytest.mark.parametrize(
    ("gfp", "kind"),
    [
        (GFP_KERNEL, "normal"),
        (GFP_KERNEL_ACCOUNT, "cgroup"),
        (GFP_KERNEL_ACCOUNT | RECLAIMABLE, "reclaim"),
        (GFP_KERNEL | RECLAIMABLE | GFP_DMA | ACCOUNT, "dma"),
    ],
)
def test_type_of_a_mask(gfp: int, kind: str) -> None:
    assert kmalloc_type(gfp) == kind


def test_power_of_two_sizes_are_aligned_to_themselves() -> None:
    machine, _ = boot()
    for size in KMALLOC_SIZES:
        alignment = size & -size if size < 8192 else 4096
        for _ in range(40):
            assert machine.kmalloc.kmalloc(size, GFP_KERNEL) % alignment == 0


def test_nothing_is_sixteen_and_may_be_freed() -> None:
    machine, events = boot()
    assert machine.kmalloc.kmalloc(0, GFP_KERNEL) == 16
    machine.kmalloc.kfree(16)
    machine.kmalloc.kfree(0)
    assert not [e for e in events if isinstance(e, (ObjectFreed, Report))]


def test_an_overflowing_product_is_null() -> None:
    machine, _ = boot()
    half = 1 << 63
    assert machine.kmalloc.kmalloc_array(half, 2, GFP_KERNEL) == 0
    assert machine.kmalloc.kcalloc(half, 2, GFP_KERNEL) == 0
    address = machine.kmalloc.kmalloc_array(4, 16, GFP_KERNEL)
    assert machine.kmalloc.krealloc_array(address, half, 2, GFP_KERNEL) == 0
    assert machine.kmalloc.ksize(address) == 64, "the old array is untouched"


def test_dma_memory_comes_from_zone_dma() -> None:
    machine, events = boot()
    addresses = [machine.kmalloc.kmalloc(64, GFP_KERNEL | GFP_DMA) for _ in range(100)]
    assert max(addresses) < 0xFFFF888000000000 + (16 << 20)
    taken = [e for e in events if isinstance(e, ObjectAllocated)]
    assert {e.cache for e in taken} == {"dma-kmalloc-64"}


def test_a_large_request_takes_whole_pages_and_gives_them_back() -> None:
    machine, events = boot()
    address = machine.kmalloc.kmalloc(8193, GFP_KERNEL)
    assert machine.kmalloc.ksize(address) == 16384
    assert machine.slub.cache_of(address) is None
    taken = next(e for e in events if isinstance(e, ObjectAllocated))
    assert (taken.cache, taken.requested, taken.size, taken.order) == ("", 8193, 16384, 2)
    assert machine.pages.page_count(taken.pfn) == 1
    machine.kmalloc.kfree(address)
    assert machine.pages.page_count(taken.pfn) == 0


def test_more_than_four_mebibytes_is_refused() -> None:
    machine, _ = boot()
    assert machine.kmalloc.kmalloc((4 << 20) + 1, GFP_KERNEL | NOWARN) == 0


def test_krealloc_in_place_moves_fails_and_frees() -> None:
    machine, _ = boot()
    kmalloc, memory = machine.kmalloc, machine.memory
    address = kmalloc.krealloc(0, 100, GFP_KERNEL)
    memory.store_bytes(address, bytes(range(100)))
    assert kmalloc.krealloc(address, 128, GFP_KERNEL) == address
    assert kmalloc.krealloc(address, 40, GFP_KERNEL) == address
    assert memory.peek(address, 128) == bytes(range(40)) + bytes(88), "the tail is cleared"
    moved = kmalloc.krealloc(address, 1000, GFP_KERNEL)
    assert moved != address
    assert memory.peek(moved, 1000) == bytes(range(40)) + bytes(960)
    assert kmalloc.krealloc(moved, 8 << 20, GFP_KERNEL | NOWARN) == 0
    assert memory.peek(moved, 40) == bytes(range(40)), "the old object is still there"
    assert kmalloc.krealloc(moved, 0, GFP_KERNEL) == 16
    assert kmalloc.kmalloc(1000, GFP_KERNEL) == moved, "size 0 freed it"
    assert kmalloc.krealloc(16, 8, GFP_KERNEL) > 16


def test_kfree_sensitive_leaves_nothing_to_read() -> None:
    machine, _ = boot()
    address = machine.kmalloc.kmalloc(256, GFP_KERNEL)
    machine.memory.store_bytes(address, b"password" * 32)
    machine.kmalloc.kfree_sensitive(address)
    left = machine.memory.peek(address, 256)
    assert left[:128] == bytes(128), "only the free pointer in the middle is left"
    assert left[136:] == bytes(120)


def test_a_sleeping_request_in_atomic_context_is_noticed() -> None:
    machine, events = boot()
    machine.context.preempt_depth = 1
    assert machine.kmalloc.kmalloc(64, GFP_ATOMIC)
    assert not [e for e in events if isinstance(e, SleptInAtomic)]
    assert machine.kmalloc.kmalloc(64, GFP_KERNEL)
    assert [e.call for e in events if isinstance(e, SleptInAtomic)] == ["kmalloc"]


def test_allocations_take_time_and_clearing_takes_more() -> None:
    machine, _ = boot()
    machine.kmalloc.kmalloc(4096, GFP_KERNEL)
    times = []
    for size in (64, 4096):
        start = machine.clock.now
        machine.kmalloc.kmalloc(size, GFP_KERNEL)
        times.append(machine.clock.now - start)
    assert 0 < times[0] < times[1]


def test_bytes_nobody_wrote_stay_unwritten_when_an_object_moves() -> None:
    machine = Machine.boot(MachineSpec(ram=128 * MIB, options=("init_on_alloc=0",)))
    address = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    machine.memory.store_bytes(address, b"x" * 24)
    moved = machine.kmalloc.krealloc(address, 200, GFP_KERNEL)
    assert machine.memory.count_stale(moved, 24) == (0, 0)
    assert machine.memory.count_stale(moved + 24, 40)[0] == 40


def test_ksize_of_what_kmalloc_never_gave_is_warned_about() -> None:
    machine, events = boot()
    pfn = machine.pages.alloc_pages(GFP_KERNEL, 0)
    assert machine.kmalloc.ksize(0xFFFF888000000000 + (pfn << 12)) == 0
    large = machine.kmalloc.kmalloc(20000, GFP_KERNEL)
    assert machine.kmalloc.ksize(large + 8) == 0
    assert [e.kind for e in events if isinstance(e, Report)] == ["warning"] * 2
    machine.kmalloc.kfree(large + 8)
    assert machine.pages.page_count((large - 0xFFFF888000000000) >> 12) == 0
    assert len([e for e in events if isinstance(e, Report)]) == 2, "freed without a word"


WILD = [0x1000, 0x7FFF00000000, 0xFFFFC90000001000, 0xDEAD000000000100, 0x6B6B6B6B6B6B6B6B]


@pytest.mark.parametrize("address", WILD, ids=hex)
def test_a_wild_pointer_ends_the_task_in_every_call(address: int) -> None:
    machine, events = boot()
    cache = machine.slub.kmalloc_caches["normal", 64]
    calls = [
        lambda: machine.kmalloc.kfree(address),
        lambda: machine.kmalloc.kfree_sensitive(address),
        lambda: machine.kmalloc.krealloc(address, 100, GFP_KERNEL),
        lambda: machine.slub.free(cache, address),
        lambda: machine.slub.free_bulk(None, [address]),
    ]
    for call in calls:
        machine.fate = Fate.RUNNING
        events.clear()
        call()
        assert machine.fate is Fate.TASK_KILLED
        assert [e.severity for e in events if isinstance(e, Report)] == ["oops"]
