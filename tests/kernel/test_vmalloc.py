"""vmalloc, vmap, kvmalloc and kernel stacks on a booted machine."""

from __future__ import annotations

import pytest

from kmemquest.kernel.address import PAGE_SIZE, THREAD_SIZE, VMALLOC_START, pfn_to_virt
from kmemquest.kernel.context import PF_MEMALLOC_NOIO, Frame
from kmemquest.kernel.events import (
    Event,
    ObjectAllocated,
    ObjectFreed,
    PagesAllocated,
    Report,
    SleptInAtomic,
    VmAreaCreated,
    VmAreaFreed,
    VmAreasPurged,
)
from kmemquest.kernel.gfp import (
    FS,
    GFP_ATOMIC,
    GFP_KERNEL,
    GFP_NOFS,
    GFP_NOWAIT,
    IO,
    NOFAIL,
    NOWARN,
    RETRY_MAYFAIL,
    ZERO,
)
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.mm.vmap_table import PMD_SIZE
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec

SPEC = MachineSpec(ram=128 * MIB)


@pytest.fixture(scope="module")
def booted() -> bytes:
    return Machine.boot(SPEC).snapshot()


@pytest.fixture
def machine(booted: bytes) -> Machine:
    machine = Machine.restore(booted)
    machine.context.stack.append(Frame("probe", "driver.c", 10, "driver"))
    return machine


@pytest.fixture
def events(machine: Machine) -> list[Event]:
    events: list[Event] = []
    machine.events.subscribe(events.append)
    return events


def text_of(machine: Machine) -> str:
    return "\n".join(line.text for line in machine.log.lines)


def all_free(machine: Machine) -> int:
    """Count free pages, those on the per-CPU lists included."""
    zones = machine.pages.zones
    return sum(zone.true_free() + zone.pcp_pages() for zone in zones)


def reports(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.kind, event.severity) for event in events if isinstance(event, Report)]


# --- areas --------------------------------------------------------------------------------


def test_an_area_has_its_pages_and_a_guard(machine: Machine, events: list[Event]) -> None:
    address = machine.vmalloc.vmalloc(10_000)
    area = machine.vmalloc.area_at(address)
    assert area is not None
    assert (area.start, area.size, len(area.pfns)) == (address, 4 * PAGE_SIZE, 3)
    assert area.caller.startswith("probe+0x")
    for index, pfn in enumerate(area.pfns):
        assert machine.vmalloc.vmalloc_to_pfn(address + index * PAGE_SIZE) == pfn
        assert machine.pages.page_count(pfn) == 1
    assert machine.memory.translate(address + 3 * PAGE_SIZE) is None
    created = [event for event in events if isinstance(event, VmAreaCreated)]
    assert [(event.start, event.end, event.kind) for event in created] == [
        (address, area.end, "vmalloc")
    ]
    assert created[0].pfns == tuple(area.pfns)


def test_the_guard_page_stops_a_runaway_write(machine: Machine) -> None:
    address = machine.vmalloc.vmalloc(PAGE_SIZE)
    machine.memory.store(address + PAGE_SIZE - 1, 1, 7)
    assert machine.fate is Fate.RUNNING
    machine.memory.store(address + PAGE_SIZE, 1, 7)
    assert machine.fate is Fate.TASK_KILLED
    assert f"unable to handle page fault for address: {address + PAGE_SIZE:016x}" in text_of(
        machine
    )


def test_memory_goes_back_page_by_page(machine: Machine) -> None:
    machine.vmalloc.vfree(machine.vmalloc.vmalloc(64 * PAGE_SIZE))
    before = all_free(machine)
    used = machine.vmalloc.pages_in_use
    address = machine.vmalloc.vmalloc(64 * PAGE_SIZE)
    assert machine.vmalloc.pages_in_use == used + 64
    machine.vmalloc.vfree(address)
    assert machine.vmalloc.pages_in_use == used
    assert all_free(machine) == before


def test_freed_space_stays_lazy_until_a_purge(machine: Machine, events: list[Event]) -> None:
    vmalloc = machine.vmalloc
    first = vmalloc.vmalloc(5 * PAGE_SIZE)
    vmalloc.vfree(first)
    second = vmalloc.vmalloc(5 * PAGE_SIZE)
    assert second > first
    assert machine.memory.translate(first) is None
    assert vmalloc.space.lazy_pages == 6
    vmalloc.purge()
    assert vmalloc.space.lazy_pages == 0
    assert vmalloc.vmalloc(5 * PAGE_SIZE) == first
    freed = next(event for event in events if isinstance(event, VmAreaFreed))
    purged = next(event for event in events if isinstance(event, VmAreasPurged))
    assert (freed.start, freed.end) == (first, first + 6 * PAGE_SIZE)
    assert purged.ranges == ((first, first + 6 * PAGE_SIZE),)


def test_a_large_area_takes_its_page_array_from_vmalloc_too(machine: Machine) -> None:
    small = machine.vmalloc.area_at(machine.vmalloc.vmalloc(512 * PAGE_SIZE))
    large = machine.vmalloc.area_at(machine.vmalloc.vmalloc(513 * PAGE_SIZE))
    assert small is not None
    assert large is not None
    assert not machine.vmalloc.is_vmalloc_addr(small.array)
    array = machine.vmalloc.area_at(large.array)
    assert array is not None
    assert array.requested == 513 * 8
    machine.vmalloc.vfree(large.start)
    assert machine.vmalloc.area_at(array.start) is None


def test_small_allocations_for_bookkeeping_come_back(machine: Machine, events: list[Event]) -> None:
    vmalloc = machine.vmalloc
    address = vmalloc.vmalloc(PAGE_SIZE)
    taken = {event.address for event in events if isinstance(event, ObjectAllocated)}
    assert len(taken) == 3
    vmalloc.vfree(address)
    freed = {event.address for event in events if isinstance(event, ObjectFreed)}
    assert len(freed) == 2
    vmalloc.purge()
    freed = {event.address for event in events if isinstance(event, ObjectFreed)}
    assert freed == taken


# --- zeroing ------------------------------------------------------------------------------


def test_only_vzalloc_promises_zero() -> None:
    machine = Machine.boot(MachineSpec(ram=64 * MIB, options=("init_on_alloc=0",)))
    vmalloc = machine.vmalloc
    for _ in range(2):
        address = vmalloc.vmalloc(8 * PAGE_SIZE)
        machine.memory.store_bytes(address, b"secret" * 1000)
        vmalloc.vfree(address)
    stale = vmalloc.vmalloc(8 * PAGE_SIZE)
    assert b"secret" in machine.memory.peek(stale, 8 * PAGE_SIZE)
    vmalloc.vfree(stale)
    clean = vmalloc.vzalloc(8 * PAGE_SIZE)
    assert not any(machine.memory.peek(clean, 8 * PAGE_SIZE))


# --- what goes wrong ----------------------------------------------------------------------


def test_size_zero_warns_once(machine: Machine, events: list[Event]) -> None:
    assert machine.vmalloc.vmalloc(0) == machine.vmalloc.vmalloc(0) == 0
    assert reports(events) == [("warning", "WARN")]
    assert "at mm/vmalloc.c:3838 __vmalloc_node_range_noprof" in text_of(machine)


def test_more_than_the_machine_has(machine: Machine, events: list[Event]) -> None:
    assert machine.vmalloc.vmalloc(1 << 40) == 0
    head = (
        "sh: vmalloc error: size 1099511627776, exceeds total pages, "
        "mode:0xcc0(GFP_KERNEL), nodemask=(null),cpuset=/,mems_allowed=0"
    )
    assert head in text_of(machine)
    assert "Mem-Info:" in text_of(machine)
    assert machine.vmalloc.vmalloc(1 << 40) == 0
    assert reports(events) == [
        ("page-allocation-failure", "message"),
        ("page-allocation-failure", "silent"),
    ]
    assert machine.vmalloc.vmalloc_gfp(1 << 40, GFP_KERNEL | NOWARN) == 0
    assert len(reports(events)) == 2


def test_running_out_of_frames_gives_everything_back(machine: Machine) -> None:
    areas = len(machine.vmalloc.areas)
    total = sum(zone.managed for zone in machine.pages.zones)
    free = all_free(machine)
    used = machine.vmalloc.pages_in_use
    assert machine.vmalloc.vmalloc_gfp((total - 10) * PAGE_SIZE, GFP_NOWAIT) == 0
    assert len(machine.vmalloc.areas) == areas
    assert machine.vmalloc.pages_in_use == used
    # What stays away are the page tables' pages and slabs for the bookkeeping.
    assert free - 100 < all_free(machine) <= free


def test_double_free_and_bad_pointers(machine: Machine, events: list[Event]) -> None:
    vmalloc = machine.vmalloc
    address = vmalloc.vmalloc(2 * PAGE_SIZE)
    vmalloc.vfree(address + 16)
    assert vmalloc.area_at(address) is not None
    vmalloc.vfree(address)
    vmalloc.vfree(address)
    vmalloc.vfree(0)
    vmalloc.vfree(VMALLOC_START + (1 << 40))
    assert reports(events) == [
        ("invalid-free", "WARN"),
        ("invalid-free", "WARN"),
        ("double-free", "WARN"),
        ("invalid-free", "WARN"),
    ]
    text = text_of(machine)
    assert text.count("Trying to vfree() bad address (00000000") == 1
    assert text.count("Trying to vfree() nonexistent vm area (00000000") == 3
    assert "at mm/vmalloc.c:3291 remove_vm_area" in text
    assert "at mm/vmalloc.c:3426 vfree" in text
    assert machine.fate is Fate.RUNNING


def test_an_address_inside_frees_the_whole_area(machine: Machine, events: list[Event]) -> None:
    address = machine.vmalloc.vmalloc(4 * PAGE_SIZE)
    machine.vmalloc.vfree(address + 2 * PAGE_SIZE)
    assert machine.vmalloc.area_at(address) is None
    assert reports(events) == []


def test_in_interrupt_it_is_a_bug(machine: Machine) -> None:
    machine.context.softirq_depth = 1
    assert machine.vmalloc.vmalloc(8192) == 0
    assert machine.fate is Fate.PANICKED
    assert "kernel BUG at mm/vmalloc.c:3177!" in text_of(machine)


def test_vfree_in_interrupt_is_left_to_a_worker(machine: Machine, events: list[Event]) -> None:
    address = machine.vmalloc.vmalloc(8192)
    machine.context.hardirq_depth = 1
    machine.vmalloc.vfree(address)
    assert machine.vmalloc.area_at(address) is not None
    machine.context.hardirq_depth = 0
    machine.vmalloc.let_worker_run()
    assert machine.vmalloc.area_at(address) is None
    assert reports(events) == []


def test_under_a_spinlock_it_may_sleep(machine: Machine, events: list[Event]) -> None:
    machine.context.preempt_depth = 1
    address = machine.vmalloc.vmalloc(8192)
    assert address
    machine.context.stack[-1] = Frame("probe", "driver.c", 11, "driver")
    machine.vmalloc.vfree(address)
    calls = [event.call for event in events if isinstance(event, SleptInAtomic)]
    assert calls == ["vmalloc", "vfree"]


def test_a_debug_kernel_says_where_it_slept() -> None:
    machine = Machine.boot(MachineSpec(ram=64 * MIB, checkers=Checkers(atomic_sleep=True)))
    address = machine.vmalloc.vmalloc(8192)
    machine.context.preempt_depth = 1
    machine.vmalloc.vfree(address)
    head = "BUG: sleeping function called from invalid context at mm/vmalloc.c:3419"
    assert head in text_of(machine)


def test_kasan_sees_the_slack_of_the_last_page() -> None:
    machine = Machine.boot(MachineSpec(ram=64 * MIB, checkers=Checkers(kasan=True)))
    address = machine.vmalloc.vmalloc(100)
    machine.memory.store(address + 96, 4, 1)
    assert "KASAN" not in text_of(machine)
    machine.memory.store(address + 200, 1, 1)
    assert "KASAN: vmalloc-out-of-bounds" in text_of(machine)


# --- scopes -------------------------------------------------------------------------------


def test_page_tables_obey_the_scope_of_the_mask(machine: Machine, events: list[Event]) -> None:
    space = machine.vmalloc
    # A fresh 2 MiB region, so that a table is needed.
    far = VMALLOC_START + (1 << 35)
    address = space.allocate_range(PAGE_SIZE, 1, far, far + (1 << 30), GFP_NOFS, "test")
    assert address == far
    tables = [event.gfp for event in events if isinstance(event, PagesAllocated)][-2:]
    assert all(gfp & IO and not gfp & FS for gfp in tables)
    machine.context.task.flags |= PF_MEMALLOC_NOIO
    assert space.allocate_range(PAGE_SIZE, 1, far + (1 << 30), far + (2 << 30), GFP_KERNEL, "test")
    tables = [event.gfp for event in events if isinstance(event, PagesAllocated)][-2:]
    assert not any(gfp & (IO | FS) for gfp in tables)
    assert machine.context.task.flags == PF_MEMALLOC_NOIO


# --- kvmalloc -----------------------------------------------------------------------------


def test_kvmalloc_prefers_kmalloc(machine: Machine, events: list[Event]) -> None:
    vmalloc = machine.vmalloc
    small, page, large = (vmalloc.kvmalloc(size, GFP_KERNEL) for size in (100, 4096, 1 << 20))
    assert not any(vmalloc.is_vmalloc_addr(address) for address in (small, page, large))
    beyond = vmalloc.kvmalloc((4 << 20) + 1, GFP_KERNEL)
    assert vmalloc.is_vmalloc_addr(beyond)
    assert beyond % PMD_SIZE == 0
    area = vmalloc.area_at(beyond)
    assert area is not None
    assert len(area.pfns) == 3 * 512
    assert area.size == 3 * PMD_SIZE + 4096
    for address in (small, page, large, beyond, 0):
        vmalloc.kvfree(address)
    assert reports(events) == []


@pytest.mark.parametrize("gfp", [GFP_ATOMIC, GFP_NOWAIT])
def test_kvmalloc_that_cannot_wait_never_becomes_vmalloc(
    machine: Machine, events: list[Event], gfp: int
) -> None:
    assert machine.vmalloc.kvmalloc(8 << 20, gfp) == 0
    assert reports(events) == []


def test_kvmalloc_beyond_int_max_warns_once(machine: Machine, events: list[Event]) -> None:
    for _ in range(2):
        assert machine.vmalloc.kvmalloc(1 << 31, GFP_KERNEL | RETRY_MAYFAIL) == 0
    assert [kind for kind, _ in reports(events)] == ["kvmalloc-too-large"]
    assert "at mm/util.c:670 __kvmalloc_node_noprof" in text_of(machine)


def test_huge_falls_back_to_small_pages(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = machine.pages
    real = pages.alloc_pages

    def no_huge(gfp: int, order: int, nid: int | None = None) -> int:
        return -1 if order == 9 else real(gfp, order, nid)

    monkeypatch.setattr(pages, "alloc_pages", no_huge)
    lazy = machine.vmalloc.space.lazy_pages
    address = machine.vmalloc.vmalloc_huge(PMD_SIZE + 5)
    area = machine.vmalloc.area_at(address)
    assert area is not None
    assert area.page_order == 0
    assert len(area.pfns) == 513
    # The attempt with 2 MiB pages left its range and that of its page array.
    assert machine.vmalloc.space.lazy_pages == lazy + 1025 + 3


def test_a_boot_option_turns_huge_pages_off() -> None:
    machine = Machine.boot(MachineSpec(ram=64 * MIB, options=("nohugevmalloc",)))
    area = machine.vmalloc.area_at(machine.vmalloc.vmalloc_huge(PMD_SIZE))
    assert area is not None
    assert area.page_order == 0
    assert len(area.pfns) == 512


def test_kvrealloc_moves_the_contents(machine: Machine) -> None:
    vmalloc = machine.vmalloc
    address = vmalloc.kvmalloc(5000, GFP_KERNEL)
    machine.memory.poke(address, b"0123456789" * 500)
    grown = vmalloc.kvrealloc(address, 5 << 20)
    assert vmalloc.is_vmalloc_addr(grown)
    assert machine.memory.peek(grown, 5000) == b"0123456789" * 500
    again = vmalloc.kvrealloc(grown, 6 << 20)
    assert again == grown
    assert vmalloc.kvrealloc(grown, 0) == 0
    assert vmalloc.area_at(grown) is None


# --- vmap and stacks ----------------------------------------------------------------------


def test_vmap_shows_frames_and_leaves_them(machine: Machine) -> None:
    pfns = [machine.pages.alloc_pages(GFP_KERNEL, 0) for _ in range(3)]
    address = machine.vmalloc.vmap(pfns[::-1])
    machine.memory.store(address, 8, 0x1122)
    assert machine.memory.load(pfn_to_virt(pfns[2]), 8) == 0x1122
    machine.vmalloc.vunmap(address)
    assert machine.memory.translate(address) is None
    assert [machine.pages.page_count(pfn) for pfn in pfns] == [1, 1, 1]
    machine.vmalloc.vunmap(address)
    assert "Trying to vunmap() nonexistent vm area" in text_of(machine)


def test_vfree_puts_the_pages_of_a_vmap_that_asked_for_it(machine: Machine) -> None:
    pfns = [machine.pages.alloc_pages(GFP_KERNEL, 0) for _ in range(3)]
    used = machine.vmalloc.pages_in_use
    machine.vmalloc.vfree(machine.vmalloc.vmap(pfns, put_pages=True))
    assert [machine.pages.page_count(pfn) for pfn in pfns] == [0, 0, 0]
    assert machine.vmalloc.pages_in_use == used


def test_a_stack_is_aligned_and_fenced(machine: Machine) -> None:
    top = machine.vmalloc.map_stack(THREAD_SIZE)
    bottom = top - THREAD_SIZE
    assert bottom % THREAD_SIZE == 0
    assert not any(machine.memory.peek(bottom, THREAD_SIZE))
    for outside in (bottom - 1, bottom - PAGE_SIZE, top, top + PAGE_SIZE - 1):
        assert machine.memory.translate(outside) is None
    area = machine.vmalloc.area_at(bottom)
    assert area is not None
    assert area.kind == "stack"


def test_a_stack_from_the_cache_is_clean(machine: Machine) -> None:
    top = machine.vmalloc.map_stack(THREAD_SIZE)
    machine.memory.store(top - 64, 8, 0xDEAD)
    machine.vmalloc.unmap_stack(top, THREAD_SIZE)
    assert machine.vmalloc.map_stack(THREAD_SIZE) == top
    assert machine.memory.load(top - 64, 8) == 0


def test_vzalloc_asks_the_page_allocator_to_zero(machine: Machine, events: list[Event]) -> None:
    machine.vmalloc.vzalloc(3 * PAGE_SIZE)
    data = [event.gfp for event in events if isinstance(event, PagesAllocated)]
    assert sum(1 for gfp in data if gfp & ZERO) >= 3


def test_huge_pages_of_a_request_that_may_not_fail_may_fail() -> None:
    machine = Machine.boot(MachineSpec(ram=256 * MIB))
    address = machine.vmalloc.vmalloc_huge(4 * MIB, GFP_KERNEL | NOFAIL)
    area = machine.vmalloc.area_at(address)
    assert area is not None
    assert area.page_order == 9
    assert not any("WARNING" in line.text for line in machine.log.lines), (
        "no order-9 NOFAIL request"
    )
