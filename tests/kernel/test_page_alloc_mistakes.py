"""Pages freed twice, with the wrong order, or never owned: what the kernel says, and when."""

from __future__ import annotations

from page_alloc_checks import check_invariants, free_blocks, small_machine

from kmemquest.kernel.events import Event, Report
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.spec import Checkers, MachineSpec


def test_a_double_free_is_told_when_the_page_is_next_handed_out() -> None:
    machine = small_machine()
    pages = machine.pages
    pfn = pages.alloc_pages(GFP_KERNEL, 0)
    pages.free_pages(pfn, 0)
    pages.free_pages(pfn, 0)
    assert pages.page_count(pfn) == -1
    assert not machine.log.lines
    assert pages.alloc_pages(GFP_KERNEL, 0) == pfn + 1
    texts = [line.text for line in machine.log.lines]
    assert texts[0] == f"BUG: Bad page state in process insmod  pfn:{pfn:05x}"
    assert texts[1] == (
        f"page: refcount:-1 mapcount:0 mapping:0000000000000000 index:0x0 pfn:{pfn:#x}"
    )
    assert texts[2] == "flags: 0xfffffc0000000(node=0|zone=1|lastcpupid=0x1fffff)"
    assert texts[4] == "raw: 0000000000000000 0000000000000000 ffffffffffffffff 0000000000000000"
    assert texts[5] == "page dumped because: nonzero _refcount"
    assert "B" in machine.checks.taint


def test_without_page_checks_a_double_free_hands_the_page_out_again() -> None:
    machine = small_machine(spec=MachineSpec(options=("init_on_alloc=0",)))
    pages = machine.pages
    pfn = pages.alloc_pages(GFP_KERNEL, 0)
    pages.free_pages(pfn, 0)
    pages.free_pages(pfn, 0)
    assert pages.alloc_pages(GFP_KERNEL, 0) == pfn
    assert not machine.log.lines


def test_a_debug_vm_kernel_stops_at_the_second_free() -> None:
    machine = small_machine(spec=MachineSpec(checkers=Checkers(debug_vm=True)))
    pfn = machine.pages.alloc_pages(GFP_KERNEL, 0)
    machine.pages.free_pages(pfn, 0)
    machine.pages.free_pages(pfn, 0)
    texts = [line.text for line in machine.log.lines]
    assert "page dumped because: VM_BUG_ON_PAGE(page_ref_count(page) == 0)" in texts
    assert "kernel BUG at include/linux/mm.h:1140!" in texts
    assert machine.fate.name == "TASK_KILLED"


def test_a_second_free_of_a_larger_block_leaves_the_lists_whole() -> None:
    machine = small_machine()
    seen: list[Event] = []
    machine.events.subscribe(seen.append)
    pages = machine.pages
    pfn = pages.alloc_pages(GFP_KERNEL, 2)
    pages.free_pages(pfn, 2)
    pages.free_pages(pfn, 2)
    check_invariants(pages)
    silent = [e for e in seen if isinstance(e, Report) and e.kind == "double-free"]
    assert silent
    assert all(not report.spoken for report in silent)


def test_a_slab_page_is_not_taken_back() -> None:
    machine = small_machine()
    pages = machine.pages
    pfn = pages.alloc_pages(GFP_KERNEL, 0)
    pages.frames.set_slab(pfn, 0)
    pages.free_pages(pfn, 0)
    texts = [line.text for line in machine.log.lines]
    assert "page_type: f5(slab)" in texts
    assert "page dumped because: nonzero mapcount" in texts
    assert pages.alloc_pages(GFP_KERNEL, 0) != pfn


def test_too_large_an_order_is_refused_when_the_neighbour_is_in_use() -> None:
    machine = small_machine()
    pages = machine.pages
    first, second = pages.alloc_pages(GFP_KERNEL, 2), pages.alloc_pages(GFP_KERNEL, 2)
    assert second == first + 4
    pages.free_pages(first, 3)
    texts = [line.text for line in machine.log.lines]
    assert texts[0] == f"BUG: Bad page state in process insmod  pfn:{second:05x}"
    assert "page dumped because: nonzero _refcount" in texts


def test_freeing_reserved_memory_is_refused() -> None:
    machine = small_machine()
    machine.pages.free_pages(5, 0)
    texts = [line.text for line in machine.log.lines]
    assert "page dumped because: PAGE_FLAGS_CHECK_AT_FREE flag(s) set" in texts
    assert 5 not in {pfn for zone in machine.pages.zones for pfn, _, _ in free_blocks(zone)}
