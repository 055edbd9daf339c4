"""The page allocator: what a caller sees, and the numbers behind it."""

from __future__ import annotations

import pytest
from page_alloc_checks import check_invariants, free_blocks, small_machine

from kmemquest.kernel.address import PAGE_SIZE, pfn_to_virt
from kmemquest.kernel.conform.bare_machine import bare_machine
from kmemquest.kernel.context import PF_MEMALLOC
from kmemquest.kernel.events import (
    AllocationFailed,
    BlockListed,
    BlocksMerged,
    BlockSplit,
    BlockUnlisted,
    Event,
    PageblockConverted,
    PagesAllocated,
    PagesFreed,
    PcpRefilled,
    SlowPathEntered,
    WatermarkFailed,
)
from kmemquest.kernel.gfp import (
    COMP,
    GFP_ATOMIC,
    GFP_DMA,
    GFP_KERNEL,
    GFP_NOWAIT,
    HIGHMEM,
    MOVABLE,
    NOFAIL,
    NOWARN,
    RECLAIMABLE,
    THISNODE,
    ZERO,
)
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm import buddy
from kmemquest.kernel.mm.page_alloc import NO_PAGE, PageAllocator
from kmemquest.kernel.mm.pcp import zone_batch
from kmemquest.kernel.mm.zone import ZONE_BELOW_HIGH, Zone
from kmemquest.kernel.spec import MachineSpec


def listen(machine: Machine) -> list[Event]:
    seen: list[Event] = []
    machine.events.subscribe(seen.append)
    return seen


def of_type(seen: list[Event], kind: type[Event]) -> list[Event]:
    return [event for event in seen if type(event) is kind]


# --- the buddy algorithm on a toy zone ----------------------------------------------------


def toy_zone() -> Zone:
    machine = bare_machine(MachineSpec(), 4096)
    pages = PageAllocator(machine)
    zone = pages.add_zone(0, 0, 0, 4096, 4096)
    pages.build_zonelists()
    pages.free_range(0, 16)
    return zone


def listed(zone: Zone) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pfn, order, _ in free_blocks(zone):
        found.setdefault(order, []).append(pfn)
    return found


def test_a_block_is_split_from_below_and_merged_again() -> None:
    zone = toy_zone()
    assert listed(zone) == {4: [0]}
    assert buddy.rmqueue_smallest(zone, 0, 1) == 0
    assert listed(zone) == {0: [1], 1: [2], 2: [4], 3: [8]}
    assert buddy.rmqueue_smallest(zone, 1, 1) == 2
    assert buddy.rmqueue_smallest(zone, 0, 1) == 1
    buddy.free_one_page(zone, 0, 0, 1)
    assert listed(zone) == {0: [0], 2: [4], 3: [8]}
    buddy.free_one_page(zone, 1, 0, 1)
    assert listed(zone) == {1: [0], 2: [4], 3: [8]}
    assert list(zone.free_lists[1][1].back) == [0], "its parent's buddy is free: to the tail"
    buddy.free_one_page(zone, 2, 1, 1)
    assert listed(zone) == {4: [0]}


def test_boot_leaves_ascending_lists_with_ragged_edges() -> None:
    machine = bare_machine(MachineSpec(), 16384)
    pages = PageAllocator(machine)
    zone = pages.add_zone(0, 1, 4096, 16384, 12288)
    pages.build_zonelists()
    pages.free_range(4099, 9000)
    pages.free_range(9008, 16384)
    assert list(zone.free_lists[1][10]) == [5120, 6144, 7168, *range(9216, 16384, 1024)]
    assert list(zone.free_lists[1][0]) == [4099]
    assert list(zone.free_lists[1][3]) == [4104, 8992]
    assert list(zone.free_lists[1][4]) == [4112, 9008]
    assert pages.frames.is_reserved(9003)
    assert not pages.frames.is_reserved(9008)
    assert zone.managed == (9000 - 4099) + (16384 - 9008)
    check_invariants(pages, {})


def test_the_first_pageblock_of_a_pc_is_unmovable() -> None:
    pages = small_machine().pages
    assert [pages.pageblock_type(pfn) for pfn in (1, 511, 512, 4096)] == [0, 0, 1, 1]
    assert list(pages.zones[0].free_lists[0][8]) == [256]


def test_zones_never_merge_with_each_other() -> None:
    machine = bare_machine(MachineSpec(), 8192)
    pages = PageAllocator(machine)
    low = pages.add_zone(0, 0, 0, 2048 + 512, 2560)
    high = pages.add_zone(0, 1, 2560, 8192, 5632)
    pages.build_zonelists()
    pages.free_range(0, 8192)
    assert list(low.free_lists[1][9]) == [2048]
    assert list(high.free_lists[1][9]) == [2560]


# --- numbers ------------------------------------------------------------------------------


def pages_with_managed(managed: dict[int, int], *, cpus: int, nodes: int = 1) -> PageAllocator:
    machine = bare_machine(MachineSpec(cpus=cpus, nodes=nodes), 1 << 21)
    pages = PageAllocator(machine)
    borders = {0: (1, 4096), 1: (4096, 1 << 20), 2: (1 << 20, 1 << 21)}
    for index, count in managed.items():
        zone = pages.add_zone(0, index, *borders[index], count)
        zone.managed = count
    pages.build_zonelists()
    return pages


def test_marks_reserves_and_batches_of_the_worked_example() -> None:
    pages = pages_with_managed({0: 3840, 1: 765_000, 2: 250_000}, cpus=4)
    pages.enable_pcp()
    pages.setup_watermarks()
    assert pages.min_free_kbytes == 8075
    assert [zone.marks[:3] for zone in pages.zones] == [
        [7, 10, 13],
        [1515, 2280, 3045],
        [495, 745, 995],
    ]
    pages.recommend_min_free()
    assert pages.min_free_kbytes == 67584
    assert [zone.marks for zone in pages.zones] == [
        [63, 78, 93, 108],
        [12686, 15857, 19028, 22199],
        [4145, 5181, 6217, 7253],
    ]
    assert [zone.lowmem_reserve for zone in pages.zones] == [
        [0, 2988, 3964, 3964, 3964],
        [0, 0, 976, 976, 976],
        [0, 0, 0, 0, 0],
    ]
    sizes = [(z.pageset.batch, z.pageset.high_min, z.pageset.high_max) for z in pages.zones]
    assert sizes == [(1, 19, 120), (63, 3964, 23906), (63, 1295, 7812)]
    assert [zone.stat_threshold for zone in pages.zones] == [6, 36, 24]


def test_huge_pages_do_not_raise_min_free_on_small_machines() -> None:
    pages = pages_with_managed({0: 3840, 1: 120_000}, cpus=1)
    pages.setup_watermarks()
    before = pages.min_free_kbytes
    pages.recommend_min_free()
    assert pages.min_free_kbytes == before


@pytest.mark.parametrize(
    ("managed", "batch"), [(3840, 1), (18_546, 3), (115_403, 31), (262_144, 63), (1 << 28, 63)]
)
def test_batch_grows_with_the_zone_up_to_63(managed: int, batch: int) -> None:
    assert zone_batch(managed) == batch


def test_a_tiny_machine_does_not_sort_by_mobility() -> None:
    pages = small_machine(4096 + 1024, start_pfn=3072).pages
    assert not pages.grouping_disabled
    tiny = bare_machine(MachineSpec(), 2048)
    allocator = tiny.pages = PageAllocator(tiny)
    allocator.add_zone(0, 0, 0, 2048, 2048)
    allocator.build_zonelists()
    assert allocator.grouping_disabled
    assert allocator.migratetype_of(GFP_KERNEL | MOVABLE) == 0


# --- what callers see ---------------------------------------------------------------------


def test_single_pages_ascend_and_the_one_freed_last_comes_back_first() -> None:
    pages = small_machine().pages
    first = pages.alloc_pages(GFP_KERNEL, 0)
    second = pages.alloc_pages(GFP_KERNEL, 0)
    assert second == first + 1
    pages.free_pages(first, 0)
    assert pages.alloc_pages(GFP_KERNEL, 0) == first


def test_the_highest_allowed_zone_is_used_first() -> None:
    pages = small_machine().pages
    assert pages.zone_of(pages.alloc_pages(GFP_KERNEL, 0)).name == "DMA32"
    assert pages.zone_of(pages.alloc_pages(GFP_DMA | GFP_NOWAIT, 0)).name == "DMA"


def test_the_first_unmovable_request_claims_two_pageblocks() -> None:
    machine = small_machine()
    seen = listen(machine)
    pfn = machine.pages.alloc_pages(GFP_KERNEL, 0)
    converted = of_type(seen, PageblockConverted)
    assert [(e.pfn, e.before, e.after) for e in converted] == [  # type: ignore[attr-defined]
        (pfn, 1, 0),
        (pfn + 512, 1, 0),
    ]


def test_an_order_beyond_the_largest_warns_once_and_gives_nothing() -> None:
    machine = small_machine()
    pages = machine.pages
    assert pages.alloc_pages(GFP_KERNEL | NOWARN, 11) == NO_PAGE
    assert not machine.log.lines
    assert pages.alloc_pages(GFP_KERNEL, 11) == NO_PAGE
    assert pages.alloc_pages(GFP_KERNEL, 12) == NO_PAGE
    warnings = [line.text for line in machine.log.lines if "WARNING" in line.text]
    assert len(warnings) == 1
    assert "mm/page_alloc.c:4817 __alloc_pages_noprof" in warnings[0]


def test_exact_sizes_keep_only_what_they_need() -> None:
    pages = small_machine().pages
    before = pages.nr_free_pages()
    pfn = pages.alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL)
    assert [pages.page_count(pfn + i) for i in range(8)] == [1, 1, 1, 1, 1, 0, 0, 0]
    check_invariants(pages, {pfn + i: 0 for i in range(5)})
    pages.free_pages_exact(pfn, 5 * PAGE_SIZE)
    pages.drain_all_pages()
    pages.vmstat_tick()
    assert pages.nr_free_pages() == before


def test_bulk_gives_single_pages_of_one_zone() -> None:
    pages = small_machine().pages
    taken = pages.alloc_pages_bulk(GFP_KERNEL, 30)
    assert len(set(taken)) == 30
    assert all(pages.page_count(pfn) == 1 for pfn in taken)
    check_invariants(pages, dict.fromkeys(taken, 0))
    assert pages.alloc_pages_bulk(GFP_KERNEL, 0) == []


def test_only_the_first_page_of_a_block_has_a_reference_until_it_is_split() -> None:
    pages = small_machine().pages
    pfn = pages.alloc_pages(GFP_KERNEL, 2)
    assert [pages.page_count(pfn + i) for i in range(4)] == [1, 0, 0, 0]
    pages.split_page(pfn, 2)
    assert [pages.page_count(pfn + i) for i in range(4)] == [1, 1, 1, 1]
    for frame in range(pfn, pfn + 4):
        pages.free_pages(frame, 0)
    check_invariants(pages, {})


def test_a_compound_page_counts_at_its_head_and_put_page_frees_all_of_it() -> None:
    pages = small_machine().pages
    pfn = pages.alloc_pages(GFP_KERNEL | COMP, 3)
    assert pages.frames.compound_head(pfn + 5) == pfn
    assert pages.frames.compound_order(pfn) == 3
    pages.get_page(pfn + 5)
    assert pages.page_count(pfn + 7) == 2
    pages.put_page(pfn + 1)
    pages.put_page(pfn)
    assert pages.page_count(pfn) == 0
    check_invariants(pages, {})


def test_a_shared_block_frees_its_other_parts_at_once() -> None:
    pages = small_machine().pages
    pfn = pages.alloc_pages(GFP_KERNEL, 2)
    pages.get_page(pfn)
    pages.free_pages(pfn, 2)
    check_invariants(pages, {pfn: 0})
    pages.put_page(pfn)
    check_invariants(pages, {})


def test_frames_outside_every_zone_fault() -> None:
    machine = small_machine()
    machine.pages.free_pages(1 << 30, 0)
    assert machine.fate.name == "TASK_KILLED"


# --- contents -----------------------------------------------------------------------------


def test_pages_are_zeroed_unless_the_kernel_is_told_not_to() -> None:
    for options, expected, stale in (((), 0, 0), (("init_on_alloc=0",), 0x5A, PAGE_SIZE)):
        machine = small_machine(spec=MachineSpec(options=options))
        pages, memory = machine.pages, machine.memory
        pfn = pages.alloc_pages(GFP_KERNEL, 0)
        memory.store(pfn_to_virt(pfn), 1, 0x5A)
        pages.free_pages(pfn, 0)
        assert pages.alloc_pages(GFP_KERNEL, 0) == pfn
        assert memory.load(pfn_to_virt(pfn), 1) == expected
        assert memory.count_stale(pfn_to_virt(pfn), PAGE_SIZE)[0] == stale
        pages.free_pages(pfn, 0)
        assert pages.alloc_pages(GFP_KERNEL | ZERO, 0) == pfn
        assert memory.load(pfn_to_virt(pfn), 1) == 0
        assert memory.count_stale(pfn_to_virt(pfn), PAGE_SIZE)[0] == 0


# --- shortage -----------------------------------------------------------------------------


def use_up(pages: PageAllocator, gfp: int, order: int = 0) -> list[int]:
    held = []
    while (pfn := pages.alloc_pages(gfp, order)) >= 0:
        held.append(pfn)
    return held


def test_atomic_requests_reach_deeper_than_nowait() -> None:
    machine = small_machine()
    pages = machine.pages
    zone = pages.zones[1]
    use_up(pages, GFP_NOWAIT | THISNODE)
    left = zone.free
    assert zone.flags & ZONE_BELOW_HIGH
    more = use_up(pages, GFP_ATOMIC)
    assert len(more) > 0
    assert zone.free < left


def test_a_failing_request_tells_what_it_went_through() -> None:
    machine = small_machine()
    use_up(machine.pages, GFP_NOWAIT)
    seen = listen(machine)
    assert machine.pages.alloc_pages(GFP_NOWAIT, 3) == NO_PAGE
    assert of_type(seen, SlowPathEntered) == [SlowPathEntered(3, GFP_NOWAIT)]
    # Fast path, first and second look of the slow path, each over two zones.
    assert len(of_type(seen, WatermarkFailed)) == 6
    assert of_type(seen, AllocationFailed) == [
        AllocationFailed(3, GFP_NOWAIT, "the caller may not reclaim memory")
    ]


def test_the_highest_order_can_be_used_up_and_comes_back() -> None:
    pages = small_machine().pages
    blocks = use_up(pages, GFP_NOWAIT | MOVABLE, 10)
    assert len(blocks) >= 8
    for pfn in blocks:
        pages.free_pages(pfn, 10)
    pages.drain_all_pages()
    check_invariants(pages, {})
    assert sorted(use_up(pages, GFP_NOWAIT | MOVABLE, 10)) == sorted(blocks)


def test_nofail_warns_when_it_cannot_be_promised() -> None:
    machine = small_machine()
    use_up(machine.pages, GFP_NOWAIT)
    assert machine.pages.alloc_pages(GFP_NOWAIT | NOFAIL, 2) == NO_PAGE
    warnings = [line.text for line in machine.log.lines if "WARNING" in line.text]
    assert [line.split("page_alloc.c:")[1][:4] for line in warnings] == ["4294", "4299"]


def test_a_task_that_reclaims_ignores_the_marks() -> None:
    machine = small_machine()
    use_up(machine.pages, GFP_ATOMIC)
    machine.context.task.flags |= PF_MEMALLOC
    assert machine.pages.alloc_pages(GFP_KERNEL, 0) >= 0


# --- events and CPUs ----------------------------------------------------------------------


def test_events_tell_splits_merges_and_refills() -> None:
    machine = small_machine()
    pages = machine.pages
    seen = listen(machine)
    pfn = pages.alloc_pages(GFP_KERNEL | RECLAIMABLE, 0)
    refill = of_type(seen, PcpRefilled)[0]
    assert isinstance(refill, PcpRefilled)
    assert refill.pfns[0] == pfn
    assert of_type(seen, BlockSplit)
    allocated = of_type(seen, PagesAllocated)
    assert allocated == [
        PagesAllocated(pfn, 0, GFP_KERNEL | RECLAIMABLE, 2, 0, "DMA32", from_pcp=True)
    ]
    pages.free_pages(pfn, 0)
    assert of_type(seen, PagesFreed) == [PagesFreed(pfn, 0, 0, "DMA32", to_pcp=True)]
    pages.drain_all_pages()
    assert of_type(seen, BlocksMerged)


def test_listed_and_unlisted_blocks_add_up_to_the_lists() -> None:
    machine = small_machine()
    pages = machine.pages
    blocks = {(pfn, order) for zone in pages.zones for pfn, order, _ in free_blocks(zone)}
    seen = listen(machine)
    held = [(pages.alloc_pages(GFP_KERNEL | HIGHMEM | MOVABLE, o), o) for o in (0, 3, 5, 10, 1, 9)]
    for pfn, order in held[::-1]:
        pages.free_pages(pfn, order)
    pages.drain_all_pages()
    for event in seen:
        if isinstance(event, BlockListed):
            assert (event.pfn, event.order) not in blocks
            blocks.add((event.pfn, event.order))
        elif isinstance(event, BlockUnlisted):
            blocks.remove((event.pfn, event.order))
    assert blocks == {(pfn, order) for zone in pages.zones for pfn, order, _ in free_blocks(zone)}


def test_each_cpu_has_its_own_lists() -> None:
    pages = small_machine(spec=MachineSpec(cpus=2)).pages
    first = pages.alloc_pages(GFP_KERNEL, 0)
    pages.free_pages(first, 0)
    pages.run_on(1)
    assert pages.alloc_pages(GFP_KERNEL, 0) != first
    pages.run_on(0)
    assert pages.alloc_pages(GFP_KERNEL, 0) == first


def test_requests_prefer_their_node_and_go_to_the_other_one() -> None:
    machine = bare_machine(MachineSpec(nodes=2, cpus=2), 32768)
    pages = machine.pages = PageAllocator(machine)
    pages.add_zone(0, 0, 1, 4096, 4095)
    pages.add_zone(0, 1, 4096, 16384, 12288)
    pages.add_zone(1, 1, 16384, 32768, 16384)
    pages.build_zonelists()
    pages.free_range(64, 32768)
    pages.enable_pcp()
    pages.setup_watermarks()
    assert [(zone.node, zone.name) for zone in pages.zonelist(0)] == [
        (0, "DMA32"),
        (0, "DMA"),
        (1, "DMA32"),
    ]
    assert pages.zone_of(pages.alloc_pages(GFP_KERNEL, 0, 1)).node == 1
    pages.run_on(1)
    assert pages.zone_of(pages.alloc_pages(GFP_KERNEL, 0)).node == 1
    use_up(pages, GFP_NOWAIT | THISNODE, 4)
    assert pages.zone_of(pages.alloc_pages(GFP_NOWAIT, 4)).node == 0


def test_four_nodes_fall_back_round_robin() -> None:
    machine = bare_machine(MachineSpec(nodes=4, cpus=4), 65536)
    pages = PageAllocator(machine)
    for node in range(4):
        pages.add_zone(node, 1, 16384 * node, 16384 * (node + 1), 16384)
    pages.build_zonelists()
    orders = [[zone.node for zone in pages.zonelist(node)] for node in range(4)]
    assert orders == [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]]


def test_a_snapshot_goes_on_like_the_original() -> None:
    machine = small_machine()
    held = [machine.pages.alloc_pages(GFP_KERNEL, order % 4) for order in range(200)]
    machine.pages.free_pages(held[8], 0)
    twin = Machine.restore(machine.snapshot())
    for order in (0, 1, 2, 3, 5, 9, 10):
        assert machine.pages.alloc_pages(GFP_KERNEL, order) == twin.pages.alloc_pages(
            GFP_KERNEL, order
        )
    check_invariants(twin.pages)
