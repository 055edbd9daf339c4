"""Mempools: the reserve comes last out and first in; who may sleep never gets NULL."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kmemquest.kernel.address import page_to_pfn
from kmemquest.kernel.context import Frame, Task
from kmemquest.kernel.events import Event, MempoolChanged, Report, SleptInAtomic
from kmemquest.kernel.gfp import GFP_ATOMIC, GFP_KERNEL, GFP_NOWAIT
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.mm.mempool import Mempool
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec

MILLISECOND = 1_000_000


class Backend:
    """The driver's own alloc and free functions."""

    def __init__(self) -> None:
        self.works = True
        self.masks: list[int] = []
        self.freed: list[int] = []
        self.next = 0x1000

    def __call__(self, function: int, arguments: tuple[int, ...]) -> int:
        if function == 1:
            self.masks.append(arguments[0])
            self.next += 1
            return self.next if self.works else 0
        assert arguments[1] == 77
        self.freed.append(arguments[0])
        return 0


class Helper:
    """Another task that gives an element back after a while."""

    def __init__(self, machine: Machine, pool: Mempool, element: int, after: int) -> None:
        self.machine, self.pool, self.element, self.left = machine, pool, element, after

    def __call__(self, nanoseconds: int, woken: Callable[[], bool]) -> bool:
        assert nanoseconds == 5_000_000_000
        assert not woken()
        self.left -= 1
        if self.left:
            self.machine.clock.advance(nanoseconds)
        else:
            self.machine.clock.advance(MILLISECOND)
            self.machine.mempools.free(self.pool, self.element)
            assert woken()
        return True


def boot(checkers: str = "production") -> tuple[Machine, Backend, Mempool, list[Event]]:
    machine = Machine.boot(MachineSpec(ram=128 * MIB, checkers=Checkers.preset(checkers)))
    machine.context.task = Task(38, "insmod")
    machine.context.stack.append(Frame("drv_init", "driver.c", 12, "driver"))
    machine.mempools.call_function = backend = Backend()
    events: list[Event] = []
    machine.events.subscribe(events.append)
    pool = machine.mempools.create(2, "functions", alloc_function=1, free_function=2, pool_data=77)
    assert pool is not None
    return machine, backend, pool, events


def test_creation_fills_the_reserve_or_fails_altogether() -> None:
    machine, backend, pool, _ = boot()
    assert pool.elements == [0x1001, 0x1002]
    assert machine.mempools.by_address[pool.address] is pool
    backend.works = False
    free = machine.slub.kmalloc_caches["normal", 96].nodes[0].nr_slabs
    assert machine.mempools.create(3, "functions", alloc_function=1, free_function=2) is None
    assert machine.slub.kmalloc_caches["normal", 96].nodes[0].nr_slabs == free
    assert len(machine.mempools.by_address) == 1


def test_the_backend_comes_first_then_the_reserve_then_null() -> None:
    machine, backend, pool, _ = boot()
    assert machine.mempools.alloc(pool, GFP_ATOMIC) == 0x1003
    backend.works = False
    taken = [machine.mempools.alloc(pool, GFP_ATOMIC) for _ in range(4)]
    assert taken == [0x1002, 0x1001, 0, 0], "last in, first out"


def test_the_first_attempt_is_weakened() -> None:
    machine, backend, pool, _ = boot()
    backend.masks.clear()
    machine.mempools.alloc(pool, GFP_KERNEL)
    (mask,) = backend.masks
    assert not mask & 0x440, "neither direct reclaim nor IO"
    assert mask & 0x92000 == 0x92000, "NOMEMALLOC, NORETRY, NOWARN"
    backend.works = False
    machine.mempools.alloc(pool, GFP_KERNEL)
    machine.mempools.alloc(pool, GFP_KERNEL)
    assert len(pool.elements) == 0


def test_a_free_refills_the_reserve_before_the_backend_sees_anything() -> None:
    machine, backend, pool, events = boot()
    third = machine.mempools.alloc(pool, GFP_KERNEL)
    machine.mempools.free(pool, third)
    assert backend.freed == [third], "the reserve was full"
    backend.works = False
    first = machine.mempools.alloc(pool, GFP_KERNEL)
    machine.mempools.free(pool, first)
    assert pool.elements == [0x1001, 0x1002]
    assert backend.freed == [third]
    changes = [e.operation for e in events if isinstance(e, MempoolChanged)]
    assert changes == ["create", "take", "refill"]


def test_a_sleeper_gets_the_element_that_is_freed_meanwhile() -> None:
    machine, backend, pool, _ = boot()
    backend.works = False
    first = machine.mempools.alloc(pool, GFP_KERNEL)
    machine.mempools.alloc(pool, GFP_KERNEL)
    machine.mempools.while_sleeping = Helper(machine, pool, first, after=3)
    start = machine.clock.now
    assert machine.mempools.alloc(pool, GFP_KERNEL) == first
    waited = machine.clock.now - start
    assert 0 <= waited - 10_000_000_000 - MILLISECOND < MILLISECOND, "woken, not timed out"


def test_a_sleeper_may_find_that_the_backend_works_again() -> None:
    machine, backend, pool, _ = boot()
    backend.works = False
    for _ in range(2):
        machine.mempools.alloc(pool, GFP_KERNEL)

    def mend(nanoseconds: int, woken: Callable[[], bool]) -> bool:
        backend.works = True
        return True

    machine.mempools.while_sleeping = mend
    start = machine.clock.now
    assert machine.mempools.alloc(pool, GFP_KERNEL) == backend.next
    assert machine.clock.now - start >= 5_000_000_000, "nobody wakes for the backend's sake"


def test_a_sleeper_whom_nobody_helps_sleeps_for_ever_unreported() -> None:
    machine, backend, pool, events = boot()
    backend.works = False
    for _ in range(2):
        machine.mempools.alloc(pool, GFP_KERNEL)
    assert machine.mempools.alloc(pool, GFP_NOWAIT) == 0
    assert machine.fate is Fate.RUNNING
    assert machine.mempools.alloc(pool, GFP_KERNEL) == 0
    assert machine.fate is Fate.TASK_HANGS
    (report,) = [e for e in events if isinstance(e, Report)]
    assert (report.kind, report.spoken) == ("task-hangs", False)
    assert not any("blocked for more" in line.text for line in machine.log.lines)


def test_sleeping_is_forbidden_in_atomic_context_even_with_a_full_reserve() -> None:
    machine, _, pool, events = boot()
    machine.context.preempt_depth = 1
    machine.mempools.alloc(pool, GFP_KERNEL)
    assert "mempool_alloc" in [e.call for e in events if isinstance(e, SleptInAtomic)]


def test_resize_grows_and_shrinks_the_reserve() -> None:
    machine, backend, pool, _ = boot()
    assert machine.mempools.resize(pool, 5) == 0
    assert len(pool.elements) == 5
    assert machine.mempools.resize(pool, 1) == 0
    assert len(pool.elements) == 1
    assert len(backend.freed) == 4


@pytest.mark.parametrize("kind", ["slab", "kmalloc", "page"])
@pytest.mark.parametrize("checkers", ["production", "debug"])
def test_destroying_a_pool_returns_all_memory(kind: str, checkers: str) -> None:
    machine, _, _, events = boot(checkers)
    cache = machine.slub.create("element", 200, 0, 0x1000)
    pool = machine.mempools.create(4, kind, cache=cache, size=100, order=1)
    assert pool is not None
    element = machine.mempools.alloc(pool, GFP_KERNEL)
    machine.mempools.free(pool, element)
    for element in pool.elements if kind != "page" else []:
        owner = machine.slub.cache_of(element)
        assert owner is not None
        assert owner.name == ("element" if kind == "slab" else "kmalloc-128")
    pfns = [page_to_pfn(element) for element in pool.elements] if kind == "page" else []
    assert [machine.pages.page_count(pfn) for pfn in pfns] == [1] * len(pfns)
    machine.mempools.destroy(pool)
    machine.mempools.destroy(None)
    assert [machine.pages.page_count(pfn) for pfn in pfns] == [0] * len(pfns)
    assert pool.destroyed
    machine.slub.destroy(cache)
    assert not [e for e in events if isinstance(e, Report)]
