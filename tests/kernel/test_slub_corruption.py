"""What a driver's mistakes do to a production kernel's free lists: nothing, until they do."""

from __future__ import annotations

import pytest

from kmemquest.kernel.context import Frame, Task
from kmemquest.kernel.events import Event, Report
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec


def boot(checkers: str = "production", *options: str) -> tuple[Machine, list[Event]]:
    spec = MachineSpec(ram=128 * MIB, checkers=Checkers.preset(checkers), options=options)
    machine = Machine.boot(spec)
    machine.context.task = Task(38, "insmod")
    machine.context.stack.append(Frame("mistake", "driver.c", 12, "driver"))
    events: list[Event] = []
    machine.events.subscribe(events.append)
    return machine, events


def kinds(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.kind, event.severity) for event in events if isinstance(event, Report)]


def text(machine: Machine) -> str:
    return "\n".join(line.text for line in machine.log.lines)


def test_freeing_twice_in_a_row_is_a_kernel_bug() -> None:
    machine, events = boot()
    address = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    machine.kmalloc.kfree(address)
    machine.kmalloc.kfree(address)
    assert machine.fate is Fate.TASK_KILLED
    assert "kernel BUG at mm/slub.c:547!" in text(machine)
    assert "Oops: invalid opcode: 0000 [#1] PREEMPT SMP NOPTI" in text(machine)
    assert kinds(events) == [("double-free", "oops")]


def test_an_interleaved_double_free_gives_one_object_to_two_owners() -> None:
    machine, events = boot()
    kmalloc = machine.kmalloc
    first, second = kmalloc.kmalloc(64, GFP_KERNEL), kmalloc.kmalloc(64, GFP_KERNEL)
    lines = len(machine.log.lines)
    for address in (first, second, first):
        kmalloc.kfree(address)
    taken = [kmalloc.kmalloc(64, GFP_KERNEL) for _ in range(3)]
    assert taken == [first, second, first]
    assert machine.fate is Fate.RUNNING
    assert len(machine.log.lines) == lines, "the kernel says nothing"
    assert kinds(events) == [("double-free", "silent"), ("object-given-twice", "silent")]


def test_freeing_an_interior_pointer_hands_the_interior_out_again() -> None:
    machine, events = boot()
    address = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    lines = len(machine.log.lines)
    machine.kmalloc.kfree(address + 16)
    assert machine.kmalloc.kmalloc(64, GFP_KERNEL) == address + 16
    assert len(machine.log.lines) == lines
    assert kinds(events)[0] == ("invalid-free", "silent")


def test_writing_over_a_freed_object_crashes_a_later_allocation() -> None:
    machine, events = boot()
    address = machine.kmalloc.kmalloc(128, GFP_KERNEL)
    machine.kmalloc.kfree(address)
    machine.memory.store_bytes(address, b"A" * 128)
    assert machine.kmalloc.kmalloc(128, GFP_KERNEL) == address, "this one still works"
    assert machine.fate is Fate.RUNNING
    assert machine.kmalloc.kmalloc(128, GFP_KERNEL) == 0
    assert machine.fate is Fate.TASK_KILLED
    assert kinds(events) == [("general-protection-fault", "oops")]
    assert "RIP: 0010:__kmalloc_noprof" in text(machine)


def test_writing_beside_the_free_pointer_stays_unnoticed() -> None:
    machine, _ = boot()
    address = machine.kmalloc.kmalloc(128, GFP_KERNEL)
    machine.kmalloc.kfree(address)
    machine.memory.store_bytes(address, b"A" * 64)
    for _ in range(100):
        assert machine.kmalloc.kmalloc(128, GFP_KERNEL)
    assert machine.fate is Fate.RUNNING


def test_an_overflow_into_a_free_neighbour_breaks_the_list() -> None:
    machine, _ = boot()
    cache = machine.slub.create("thing", 64, 0, 0x1000)
    assert cache is not None
    address = machine.slub.alloc(cache, GFP_KERNEL)
    slab = machine.slub.slab_of(address)
    assert slab is not None
    if slab.index_of(address) == slab.objects - 1:
        address = machine.slub.alloc(cache, GFP_KERNEL)
    machine.memory.store_bytes(address + 64, b"B" * 64)
    for _ in range(slab.objects):
        machine.slub.alloc(cache, GFP_KERNEL)
    assert machine.fate is Fate.TASK_KILLED


def test_a_free_pointer_forged_with_the_secret_leads_where_it_says() -> None:
    machine, events = boot()
    cache = machine.slub.create("thing", 64, 0, 0x1000)
    assert cache is not None
    from kmemquest.kernel.mm.slab_cache import write_link

    victim = machine.kmalloc.kmalloc(1000, GFP_KERNEL)
    address = machine.slub.alloc(cache, GFP_KERNEL)
    machine.slub.free(cache, address)
    assert write_link(machine.memory, cache, address, victim)
    assert machine.slub.alloc(cache, GFP_KERNEL) == address
    assert machine.slub.alloc(cache, GFP_KERNEL) == victim
    assert kinds(events) == [("object-from-damaged-freelist", "silent")]


@pytest.mark.parametrize("checkers", ["production", "debug"])
def test_kfree_of_vmalloc_memory_faults_in_the_memory_map(checkers: str) -> None:
    machine, _ = boot(checkers)
    address = machine.vmalloc.vmalloc(100)
    machine.kmalloc.kfree(address)
    assert machine.fate is Fate.TASK_KILLED
    page = 0xFFFFEA0000000000 + ((address - 0xFFFF888000000000) >> 12) * 64 + 8
    assert f"BUG: unable to handle page fault for address: {page:016x}" in text(machine)
    assert "RIP: 0010:kfree" in text(machine)


def test_kfree_of_pages_warns_once_and_frees_the_first_page() -> None:
    machine, _ = boot()
    pfn = machine.pages.alloc_pages(GFP_KERNEL, 1)
    machine.kmalloc.kfree(0xFFFF888000000000 + (pfn << 12))
    assert text(machine).count("at mm/slub.c:4779 free_large_kmalloc") == 1
    assert machine.log.lines[-1].text.startswith("object pointer: 0x00000000")
    assert machine.pages.page_count(pfn) == 0
    again = machine.pages.alloc_pages(GFP_KERNEL, 0)
    machine.kmalloc.kfree(0xFFFF888000000000 + (again << 12))
    assert text(machine).count("at mm/slub.c:4779 free_large_kmalloc") == 1
    assert machine.fate is Fate.RUNNING


def test_one_free_too_many_lets_a_used_slab_go() -> None:
    machine, _ = boot()
    cache = machine.slub.create("thing", 2048, 0, 0x1000)
    assert cache is not None
    objects = [machine.slub.alloc(cache, GFP_KERNEL) for _ in range(200)]
    survivor, *others = objects[:8]
    slab = machine.slub.slab_of(survivor)
    assert slab is not None
    mates = [address for address in objects if machine.slub.slab_of(address) is slab]
    survivor, twice, *others = mates
    for address in [twice, *others, twice]:
        machine.slub.free(cache, address)
    assert slab.inuse == 0, "the kernel believes that nobody uses the slab"
    assert slab.owned.bit_count() == 1
    machine.slub.shrink(cache)
    assert machine.slub.slab_of(survivor) is not slab


def test_stale_bytes_show_only_when_allocations_are_not_cleared() -> None:
    for option, expected in (("init_on_alloc=0", b"secret!!"), ("init_on_alloc=1", bytes(8))):
        machine, _ = boot("production", option)
        address = machine.kmalloc.kmalloc(256, GFP_KERNEL)
        machine.memory.store_bytes(address, b"secret!!" * 32)
        machine.kmalloc.kfree(address)
        assert machine.kmalloc.kmalloc(200, GFP_KERNEL) == address
        assert machine.memory.peek(address, 8) == expected
        stale, revealed = machine.memory.count_stale(address, 256)
        assert (stale, revealed) == ((256, 256) if option.endswith("0") else (0, 0))
        machine.kmalloc.kfree(address)
        assert machine.kmalloc.kzalloc(200, GFP_KERNEL) == address
        assert machine.memory.peek(address, 256) == bytes(256), "kzalloc clears the whole bucket"
        assert machine.memory.count_stale(address, 256) == (0, 0)


# --- KASAN --------------------------------------------------------------------------------------


def test_kasan_reports_a_double_free_and_the_object_stays_freed() -> None:
    machine, events = boot("debug")
    address = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    machine.kmalloc.kfree(address)
    machine.kmalloc.kfree(address)
    assert ("double-free", "BUG report") in kinds(events)
    assert machine.fate is Fate.RUNNING


def test_kasan_refuses_an_interior_pointer() -> None:
    machine, events = boot("debug")
    address = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    machine.kmalloc.kfree(address + 16)
    assert ("invalid-free", "BUG report") in kinds(events)
    machine.memory.load(address, 8)
    assert len(kinds(events)) == 1


def test_kasan_keeps_freed_objects_in_quarantine() -> None:
    machine, events = boot("debug")
    address = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    machine.kmalloc.kfree(address)
    others = [machine.kmalloc.kmalloc(64, GFP_KERNEL) for _ in range(200)]
    assert address not in others
    machine.memory.load(address, 8)
    assert ("slab-use-after-free", "BUG report") in kinds(events)


def test_kasan_leaves_a_gap_between_objects() -> None:
    machine, events = boot("debug")
    address = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    machine.memory.store(address + 64, 1, 0x41)
    assert ("slab-out-of-bounds", "BUG report") in kinds(events)
