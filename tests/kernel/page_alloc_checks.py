"""What must hold for a page allocator at every moment; shared by its tests."""

from __future__ import annotations

from kmemquest.kernel.conform.bare_machine import bare_machine
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.page_alloc import PageAllocator
from kmemquest.kernel.mm.zone import (
    ISOLATE,
    MIGRATE_PCPTYPES,
    MIGRATE_TYPES,
    NR_PAGE_ORDERS,
    PAGEBLOCK_ORDER,
    PCP_LIST_ORDER,
    Zone,
)
from kmemquest.kernel.spec import MachineSpec


def small_machine(
    end_pfn: int = 16384, *, spec: MachineSpec | None = None, start_pfn: int = 64
) -> Machine:
    """A machine with zones DMA and DMA32 up to `end_pfn`, all of it free from `start_pfn` on."""
    machine = bare_machine(spec or MachineSpec(), end_pfn)
    pages = PageAllocator(machine)
    machine.pages = pages
    pages.add_zone(0, 0, 1, 4096, 4095)
    pages.add_zone(0, 1, 4096, end_pfn, end_pfn - 4096)
    pages.build_zonelists()
    pages.free_range(start_pfn, end_pfn)
    pages.enable_pcp()
    pages.setup_watermarks()
    return machine


def free_blocks(zone: Zone) -> list[tuple[int, int, int]]:
    """(pfn, order, migratetype) of every listed block."""
    return [
        (pfn, order, migratetype)
        for migratetype in range(MIGRATE_TYPES)
        for order in range(NR_PAGE_ORDERS)
        for pfn in zone.free_lists[migratetype][order]
    ]


def pcp_blocks(zone: Zone) -> list[tuple[int, int]]:
    return [
        (pfn, PCP_LIST_ORDER[index])
        for pageset in zone.pagesets
        for index, listed in enumerate(pageset.lists)
        for pfn in listed
    ]


def check_invariants(pages: PageAllocator, allocated: dict[int, int] | None = None) -> None:
    """Fail if any rule is broken; `allocated` is pfn -> order of all blocks in use, if known."""
    in_use = allocated or {}
    for zone in pages.zones:
        _check_zone(pages, zone)
        if allocated is not None:
            inside = {p: o for p, o in in_use.items() if zone.start_pfn <= p < zone.end_pfn}
            taken = sum(1 << order for order in inside.values())
            assert zone.true_free() + zone.pcp_pages() + taken == zone.managed
    owners: dict[int, str] = {}
    for zone in pages.zones:
        for pfn, order, _ in free_blocks(zone):
            _claim(owners, pfn, order, "free list")
        for pfn, order in pcp_blocks(zone):
            _claim(owners, pfn, order, "per-CPU list")
    for pfn, order in in_use.items():
        _claim(owners, pfn, order, "in use")


def _claim(owners: dict[int, str], pfn: int, order: int, owner: str) -> None:
    for frame in range(pfn, pfn + (1 << order)):
        assert frame not in owners, f"frame {frame}: {owners[frame]} and {owner}"
        owners[frame] = owner


def _check_zone(pages: PageAllocator, zone: Zone) -> None:
    blocks = free_blocks(zone)
    by_start = {pfn: (order, migratetype) for pfn, order, migratetype in blocks}
    assert len(by_start) == len(blocks)
    listed = sum(1 << order for _, order, migratetype in blocks if migratetype != ISOLATE)
    assert zone.true_free() == listed
    assert zone.pcp_pages() == sum(1 << order for _, order in pcp_blocks(zone))
    for pfn, order, migratetype in blocks:
        assert pfn % (1 << order) == 0
        assert zone.start_pfn <= pfn
        assert pfn + (1 << order) <= zone.end_pfn
        assert pages.pageblock_type(pfn) == migratetype
        buddy = by_start.get(pfn ^ (1 << order))
        if order < NR_PAGE_ORDERS - 1 and buddy is not None and buddy[0] == order:
            # Only a pageblock of another, unmergeable type may sit beside a free one.
            assert order == PAGEBLOCK_ORDER
            assert migratetype != buddy[1]
            assert max(migratetype, buddy[1]) >= MIGRATE_PCPTYPES
