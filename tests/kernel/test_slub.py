"""Caches and objects: creation, reuse, lists, bulk, shrinking, destruction, failure."""

from __future__ import annotations

import pickle

import pytest

from kmemquest.kernel.conform.slub import PlainPages, slab_machine
from kmemquest.kernel.context import Frame, Task
from kmemquest.kernel.events import (
    CacheCreated,
    CacheDestroyed,
    Event,
    ObjectAllocated,
    ObjectFreed,
    Report,
    SlabCreated,
    SlabDiscarded,
)
from kmemquest.kernel.gfp import GFP_ATOMIC, GFP_DMA32, GFP_KERNEL, NOWARN, THISNODE, ZERO
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.mm.slab_cache import KmemCache
from kmemquest.kernel.mm.slab_geometry import (
    SLAB_HWCACHE_ALIGN,
    SLAB_NO_MERGE,
    SLAB_PANIC,
    SLAB_TYPESAFE_BY_RCU,
    calculate_order,
    calculate_sizes,
)
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec


def boot(**options: object) -> tuple[Machine, list[Event]]:
    machine = slab_machine(MachineSpec(**options))  # type: ignore[arg-type]
    machine.context.task = Task(38, "insmod")
    machine.context.stack.append(Frame("drv_init", "driver.c", 12, "driver"))
    events: list[Event] = []
    machine.events.subscribe(events.append)
    return machine, events


def owned(machine: Machine, cache: KmemCache) -> int:
    slabs = {slab.pfn: slab for slab in machine.slub.slabs.values() if slab.cache is cache}
    return sum(slab.owned.bit_count() for slab in slabs.values())


def text(machine: Machine) -> str:
    return "\n".join(line.text for line in machine.log.lines)


@pytest.mark.parametrize(
    ("size", "orders"),
    [(512, [0, 1, 1, 2, 2]), (192, [0, 0, 0, 0, 1]), (1024, [1, 2, 2, 3, 3]), (8192, [3] * 5)],
)
def test_more_cpus_mean_bigger_slabs(size: int, orders: list[int]) -> None:
    assert [calculate_order(size, cpus) for cpus in (1, 2, 4, 8, 16)] == orders


def test_no_order_holds_an_object_of_five_mebibytes() -> None:
    assert calculate_sizes(5 << 20, 8) is None


def test_a_freed_object_is_handed_out_next() -> None:
    machine, _ = boot()
    cache = machine.slub.create("thing", 200, 0, SLAB_NO_MERGE)
    assert cache is not None
    first = machine.slub.alloc(cache, GFP_KERNEL)
    second = machine.slub.alloc(cache, GFP_KERNEL)
    machine.slub.free(cache, first)
    assert machine.slub.alloc(cache, GFP_KERNEL) == first
    assert first != second


def test_order_within_a_slab_is_random_and_decided_by_the_seed() -> None:
    def addresses(seed: int) -> list[int]:
        machine, _ = boot(seed=seed)
        cache = machine.slub.create("thing", 200, 0, SLAB_NO_MERGE)
        assert cache is not None
        return [machine.slub.alloc(cache, GFP_KERNEL) for _ in range(20)]

    assert addresses(1) == addresses(1)
    assert addresses(1) != addresses(2)
    assert addresses(1) != sorted(addresses(1))


def test_events_tell_slab_object_and_site() -> None:
    machine, events = boot()
    cache = machine.slub.create("thing", 200, 0, SLAB_NO_MERGE)
    assert cache is not None
    address = machine.slub.alloc(cache, GFP_KERNEL)
    machine.slub.free(cache, address)
    created = next(e for e in events if isinstance(e, CacheCreated))
    assert (created.cache, created.object_size, created.objects) == ("thing", 200, 20)
    slab = next(e for e in events if isinstance(e, SlabCreated) and e.cache == "thing")
    taken = next(e for e in events if isinstance(e, ObjectAllocated) and e.cache == "thing")
    freed = next(e for e in events if isinstance(e, ObjectFreed) and e.cache == "thing")
    assert taken.pfn == freed.pfn == slab.pfn
    assert taken.index == freed.index == (address - (0xFFFF888000000000 + slab.pfn * 4096)) // 200
    assert taken.site == Frame("drv_init", "driver.c", 12, "driver")


def test_a_driver_cache_of_a_common_size_is_an_alias() -> None:
    machine, events = boot()
    cache = machine.slub.create("mine", 200)
    assert cache is machine.slub.find("ip4-frags") is machine.slub.find("mine")
    assert cache is not None
    assert cache.refcount == 2
    created = [e for e in events if isinstance(e, CacheCreated)]
    assert created[-1].merged_into == "ip4-frags"
    machine.slub.destroy(cache)
    assert cache.refcount == 1
    assert machine.slub.find("ip4-frags") is cache


def test_slab_nomerge_and_constructors_prevent_aliases() -> None:
    machine, _ = boot(options=("slab_nomerge",))
    cache = machine.slub.create("mine", 200)
    assert cache is not None
    assert cache.name == "mine"
    machine, _ = boot()
    cache = machine.slub.create("mine", 200, ctor=0xFFFFFFFFC0001000)
    assert cache is not None
    assert cache.name == "mine"


class Constructor:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.objects: list[int] = []

    def __call__(self, function: int, address: int) -> None:
        assert function == 0xFFFFFFFFC0001000
        self.objects.append(address)
        self.machine.memory.poke(address, b"constructed")


def test_a_constructor_runs_once_per_object_when_its_slab_is_made() -> None:
    machine, _ = boot()
    machine.slub.run_constructor = constructor = Constructor(machine)
    cache = machine.slub.create("mine", 200, ctor=0xFFFFFFFFC0001000)
    assert cache is not None
    address = machine.slub.alloc(cache, GFP_KERNEL)
    assert len(constructor.objects) == cache.geometry.objects
    assert machine.memory.peek(address, 11) == b"constructed"
    machine.memory.poke(address, b"used by me!")
    machine.slub.free(cache, address)
    assert machine.slub.alloc(cache, GFP_KERNEL) == address
    assert machine.memory.peek(address, 11) == b"used by me!"
    assert len(constructor.objects) == cache.geometry.objects


def test_zeroing_a_constructed_object_is_warned_about_and_not_done() -> None:
    machine, events = boot()
    machine.slub.run_constructor = Constructor(machine)
    cache = machine.slub.create("mine", 200, ctor=0xFFFFFFFFC0001000)
    assert cache is not None
    address = machine.slub.alloc(cache, GFP_KERNEL | ZERO)
    assert machine.memory.peek(address, 11) == b"constructed"
    assert [e.kind for e in events if isinstance(e, Report)] == ["ctor-zero"]


def test_slabs_are_kept_up_to_min_partial_and_then_given_back() -> None:
    machine, events = boot()
    cache = machine.slub.create("thing", 1024, 0, SLAB_NO_MERGE)
    assert cache is not None
    objects = [machine.slub.alloc(cache, GFP_KERNEL) for _ in range(400)]
    assert cache.nr_slabs == 50
    for address in objects:
        machine.slub.free(cache, address)
    node, cpu = cache.nodes[0], cache.cpus[0]
    assert len(node.partial) <= cache.min_partial + cache.geometry.cpu_partial_slabs
    assert len(cpu.partial) <= cache.geometry.cpu_partial_slabs
    gone = [e for e in events if isinstance(e, SlabDiscarded)]
    assert len(gone) == 50 - cache.nr_slabs > 0
    assert machine.slub.shrink(cache) == 0
    assert cache.nr_slabs == 0


def test_shrink_keeps_used_slabs_and_puts_the_fullest_first() -> None:
    machine, _ = boot()
    cache = machine.slub.create("thing", 1024, 0, SLAB_NO_MERGE)
    assert cache is not None
    objects = [machine.slub.alloc(cache, GFP_KERNEL) for _ in range(80)]
    for keep, start in enumerate(range(0, 64, 8)):
        for address in objects[start + keep : start + 8]:
            machine.slub.free(cache, address)
    assert machine.slub.shrink(cache) == 1
    used = [slab.inuse for slab in cache.nodes[0].partial.values()]
    assert used == sorted(used, reverse=True)
    assert 0 not in used


def test_bulk_is_all_or_nothing() -> None:
    machine, _ = boot()
    cache = machine.slub.create("thing", 1024, 0, SLAB_NO_MERGE)
    assert cache is not None
    objects = machine.slub.alloc_bulk(cache, GFP_KERNEL, 20)
    assert len(set(objects)) == 20
    machine.slub.free_bulk(cache, objects)
    cache.nodes[0].partial.clear()
    fail_after(machine, 1)
    assert machine.slub.alloc_bulk(cache, GFP_KERNEL | NOWARN, 400) == []
    owned = sum(
        slab.owned.bit_count() for slab in machine.slub.slabs.values() if slab.cache is cache
    )
    assert owned == 0


def fail_after(machine: Machine, blocks: int, *, least_order: int = 0) -> list[tuple[int, int]]:
    """Let the page allocator fail after `blocks` more blocks; return what it is asked for."""
    pages = machine.pages
    asked: list[tuple[int, int]] = []
    right = pages.alloc_pages

    def alloc_pages(gfp: int, order: int, nid: int | None = None) -> int:
        nonlocal blocks
        asked.append((gfp, order))
        if order >= least_order:
            if not blocks:
                return -1
            blocks -= 1
        return right(gfp, order, nid)

    pages.alloc_pages = alloc_pages  # type: ignore[method-assign]
    return asked


def test_a_smaller_slab_is_tried_with_all_means_when_the_big_one_fails() -> None:
    machine, _ = boot()
    cache = machine.slub.create("thing", 1024, 0, SLAB_NO_MERGE)
    assert cache is not None
    asked = fail_after(machine, 0, least_order=1)
    address = machine.slub.alloc(cache, GFP_KERNEL)
    slab = machine.slub.slab_of(address)
    assert slab is not None
    assert (slab.order, slab.objects) == (0, 4)
    first, second = asked
    assert first[1] == 1
    assert first[0] & NOWARN
    assert not first[0] & 0xC00, "the light attempt reclaims nothing"
    assert second == (GFP_KERNEL | 0x40000, 0)


def test_out_of_memory_says_what_the_cache_is_made_of() -> None:
    machine, events = boot()
    cache = machine.slub.create("slabfail", 1000, 0, SLAB_NO_MERGE)
    assert cache is not None
    fail_after(machine, 0)
    for _ in range(12):
        assert machine.slub.alloc(cache, GFP_ATOMIC) == 0
    assert machine.slub.alloc(cache, GFP_ATOMIC | NOWARN) == 0
    reports = [e for e in events if isinstance(e, Report)]
    assert len(reports) == 10, "ten messages in five seconds"
    assert reports[0].lines == (
        "SLUB: Unable to allocate memory on CPU 0 (of node 0) on node -1, gfp=0x820(GFP_ATOMIC)",
        "  cache: slabfail, object size: 1000, buffer size: 1000, default order: 1, min order: 0",
        "  node 0: slabs: 0, objs: 0, free: 0",
    )


def test_impossible_flags_are_fixed_up_when_a_slab_is_made() -> None:
    machine, _ = boot()
    cache = machine.slub.create("thing", 1024, 0, SLAB_NO_MERGE)
    assert cache is not None
    assert machine.slub.alloc(cache, GFP_KERNEL | GFP_DMA32)
    assert (
        "Unexpected gfp: 0x4 (GFP_DMA32). Fixing up to gfp: 0xcc0 (GFP_KERNEL). Fix your code!"
        in text(machine)
    )


def test_creation_is_refused_with_einval() -> None:
    machine, _ = boot()
    assert machine.slub.create("huge", 5 << 20) is None
    assert machine.slub.create("flags", 64, 0, 1 << 30) is None
    assert "__kmem_cache_create_args(huge) failed with error -22" in text(machine)
    assert "__kmem_cache_create_args(flags) failed with error -22" in text(machine)
    assert machine.fate is Fate.RUNNING


def test_creation_with_size_zero_divides_by_zero_and_slab_panic_panics() -> None:
    machine, _ = boot()
    assert machine.slub.create("none", 0, 0, SLAB_NO_MERGE) is None
    assert machine.fate is Fate.TASK_KILLED
    assert "Oops: divide error: 0000 [#1] PREEMPT SMP NOPTI" in text(machine)
    machine, _ = boot()
    machine.slub.create("huge", 5 << 20, 0, SLAB_PANIC)
    assert machine.fate is Fate.PANICKED


def test_destroying_a_cache_with_live_objects_is_reported_and_leaks_it() -> None:
    machine, events = boot()
    cache = machine.slub.create("busy", 200, 0, SLAB_NO_MERGE)
    assert cache is not None
    address = machine.slub.alloc(cache, GFP_KERNEL)
    machine.slub.destroy(cache)
    output = text(machine)
    assert "BUG busy (Not tainted): Objects remaining on __kmem_cache_shutdown()" in output
    slab = machine.slub.slab_of(address)
    assert slab is not None
    assert f"@offset={address - slab.address}" in output
    assert (
        "kmem_cache_destroy busy: Slab cache still has objects when called from drv_init" in output
    )
    destroyed = [e for e in events if isinstance(e, CacheDestroyed)]
    assert destroyed == [CacheDestroyed("busy", 1)]
    assert machine.slub.find("busy") is None
    assert machine.checks.taint >= {"B", "W"}


def test_a_cache_that_could_not_be_destroyed_still_works_for_whom_has_its_pointer() -> None:
    machine, events = boot()
    cache = machine.slub.create("busy", 200, 0, SLAB_NO_MERGE)
    assert cache is not None
    kept = machine.slub.alloc(cache, GFP_KERNEL)
    machine.slub.destroy(cache)
    assert machine.slub.by_address[cache.address] is cache
    objects = machine.slub.alloc_bulk(cache, GFP_KERNEL, 3)
    assert len(set(objects)) == 3
    assert kept not in objects
    for address in (*objects, kept):
        machine.slub.free(cache, address)
    lines, deeds = len(machine.log.lines), len(events)
    machine.slub.destroy(cache)
    assert cache.refcount == -1, "its count has been zero: a second destroy only lowers it"
    assert len(machine.log.lines) == lines
    assert not any(isinstance(event, CacheDestroyed) for event in events[deeds:])


def test_destroying_an_empty_cache_gives_everything_back() -> None:
    machine, events = boot()
    own = machine.slub.caches[0]
    before = sum(
        slab.owned.bit_count() for slab in set(machine.slub.slabs.values()) if slab.cache is own
    )
    cache = machine.slub.create("idle", 200, 0, SLAB_NO_MERGE)
    assert cache is not None
    machine.slub.free(cache, machine.slub.alloc(cache, GFP_KERNEL))
    machine.slub.destroy(cache)
    after = sum(
        slab.owned.bit_count() for slab in set(machine.slub.slabs.values()) if slab.cache is own
    )
    assert before == after
    assert [e for e in events if isinstance(e, CacheDestroyed)] == [CacheDestroyed("idle", 0)]
    assert not [e for e in events if isinstance(e, Report)]


def test_an_object_freed_to_the_wrong_cache_goes_to_its_own() -> None:
    machine, _ = boot()
    cache = machine.slub.create("mine", 200, 0, SLAB_NO_MERGE)
    other = machine.slub.create("other", 200, 0, SLAB_NO_MERGE)
    assert cache is not None
    assert other is not None
    address = machine.slub.alloc(other, GFP_KERNEL)
    machine.slub.free(cache, address)
    assert "cache_from_obj: Wrong slab cache. mine but object is from other" in text(machine)
    assert machine.slub.alloc(other, GFP_KERNEL) == address


def test_pages_of_an_rcu_cache_wait_for_a_grace_period() -> None:
    machine, _ = boot()
    flags = SLAB_NO_MERGE | SLAB_TYPESAFE_BY_RCU
    cache = machine.slub.create("rcu", 200, 0, flags)
    assert cache is not None
    pages = machine.pages
    assert isinstance(pages, PlainPages)
    address = machine.slub.alloc(cache, GFP_KERNEL)
    slab = machine.slub.slab_of(address)
    assert slab is not None
    pfn = slab.pfn
    machine.slub.free(cache, address)
    machine.slub.shrink(cache)
    assert pfn not in pages.given_back
    machine.clock.advance(1_000_000_000)
    machine.slub.run_deferred()
    assert pfn in pages.given_back


def test_each_cpu_has_its_own_slab_and_frees_from_afar_come_back() -> None:
    machine, _ = boot(cpus=2)
    cache = machine.slub.create("thing", 1024, 0, SLAB_NO_MERGE | SLAB_HWCACHE_ALIGN)
    assert cache is not None
    first = machine.slub.alloc(cache, GFP_KERNEL)
    machine.slub.cpu = 1
    second = machine.slub.alloc(cache, GFP_KERNEL)
    assert machine.slub.slab_of(first) is not machine.slub.slab_of(second)
    machine.slub.free(cache, first)
    assert machine.slub.alloc(cache, GFP_KERNEL) != first, "it went to the other CPU's slab"
    slab = machine.slub.slab_of(first)
    assert slab is not None
    assert machine.slub.free_objects_of(slab) == [first]


def test_a_snapshot_continues_alike() -> None:
    machine, _ = boot(checkers=Checkers(slub_debug="FZPU"))
    cache = machine.slub.create("thing", 100, 0, SLAB_NO_MERGE)
    assert cache is not None
    machine.slub.alloc(cache, GFP_KERNEL)
    twin = pickle.loads(pickle.dumps(machine))
    mine = [machine.slub.alloc(cache, GFP_KERNEL) for _ in range(50)]
    theirs = [twin.slub.alloc(twin.slub.find("thing"), GFP_KERNEL) for _ in range(50)]
    assert mine == theirs


def test_each_node_serves_its_own_requests_and_thisnode_does_not_fall_back() -> None:
    machine = Machine.boot(MachineSpec(ram=256 * MIB, cpus=2, nodes=2))
    cache = machine.slub.create("thing", 1024, 0, SLAB_NO_MERGE)
    assert cache is not None
    for node in (0, 1):
        objects = [machine.slub.alloc(cache, GFP_KERNEL, node) for _ in range(40)]
        pfns = {(address - 0xFFFF888000000000) >> 12 for address in objects}
        assert {machine.pages.zone_of(pfn).node for pfn in pfns} == {node}
    assert min(node.nr_slabs for node in cache.nodes) > 0
    right = machine.pages.alloc_pages
    machine.pages.alloc_pages = (  # type: ignore[method-assign]
        lambda gfp, order, nid=None: -1 if nid == 1 else right(gfp, order, nid)
    )
    free = 0
    while machine.slub.alloc(cache, GFP_KERNEL | THISNODE | NOWARN, 1):
        free += 1
        assert free < 200
    assert machine.slub.alloc(cache, GFP_KERNEL, 0)
