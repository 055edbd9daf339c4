"""What makes the page allocator quick must not show: identities, written struct pages, contents."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import pytest

from kmemquest.kernel.address import PAGE_SIZE, pfn_to_page, pfn_to_virt
from kmemquest.kernel.conform.formats import conform_lines
from kmemquest.kernel.events import PagesAllocated
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.frame import ONCE
from kmemquest.kernel.spec import MIB, MachineSpec

RECORDINGS = Path(__file__).parent.parent / "recordings"


def booted() -> Machine:
    return Machine.boot(MachineSpec(ram=256 * MIB))


def test_a_single_page_keeps_its_mark_through_a_snapshot() -> None:
    machine = booted()
    pfn = machine.pages.alloc_pages(GFP_KERNEL, 0)
    woken = Machine.restore(machine.snapshot())
    assert woken.pages.frames.refcounts[pfn] is ONCE
    assert woken.pages.page_count(pfn) == 1


def test_an_event_is_slotted_hashable_and_picklable() -> None:
    event = PagesAllocated(1, 0, GFP_KERNEL, 0, 0, "DMA32", True)
    again = pickle.loads(pickle.dumps(event))
    assert again == event
    assert hash(again) == hash(event)
    assert not hasattr(event, "__dict__")


@pytest.mark.parametrize("order", [0, 2, 5])
def test_a_stray_mapping_is_noticed_however_often_the_block_was_freed_before(order: int) -> None:
    machine = booted()
    pages = machine.pages
    for _ in range(3):
        pfn = pages.alloc_pages(GFP_KERNEL, order)
        pages.free_pages(pfn, order)
    pfn = pages.alloc_pages(GFP_KERNEL, order)
    last = pfn + (1 << order) - 1
    machine.memory.store(pfn_to_page(last) + 24, 8, 0x1234)
    pages.free_pages(pfn, order)
    said = [line.text for line in machine.log.lines]
    assert "page dumped because: non-NULL mapping" in said
    assert f"BUG: Bad page state in process {machine.context.task.comm}  pfn:{last:05x}" in said
    assert "invalid mapping:0000000000001234" in said


@pytest.mark.parametrize("order", [0, 3, 6, 10])
def test_what_was_written_anywhere_in_a_block_is_gone_for_its_next_owner(order: int) -> None:
    machine = booted()
    pages, memory = machine.pages, machine.memory
    pfn = pages.alloc_pages(GFP_KERNEL, order)
    ends = (pfn_to_virt(pfn), pfn_to_virt(pfn + (1 << order)) - 8)
    for address in ends:
        memory.store(address, 8, 0x5A5A)
    pages.free_pages(pfn, order)
    pages.drain_all_pages()
    held = []
    while pages.nr_free_pages() > 20_000:
        held.append(pages.alloc_pages(GFP_KERNEL, order))
    assert any(first <= pfn < first + (1 << order) for first in held)
    assert [memory.load(address, 8) for address in ends] == [0, 0]


def test_moving_a_frame_leaves_nothing_behind() -> None:
    memory = booted().memory
    memory.write_physical(5000 * PAGE_SIZE, b"moved")
    memory.write_physical(5001 * PAGE_SIZE + 9, b"old")
    memory.move_frame(5000, 5001)
    assert memory.read_physical(5001 * PAGE_SIZE, 12) == b"moved" + bytes(7)
    assert not any(memory.read_physical(5000 * PAGE_SIZE, PAGE_SIZE))


@pytest.mark.parametrize(
    "name",
    [
        "buddy/exhaust128_s1.d2.jsonl.gz",
        "size/size_5G.caches.jsonl.gz",
        "dma/dma_512m.jsonl.gz",
        "vmalloc/vmalloc_mode0_s1.jsonl.gz",
        "boot/boot_256M.facts.jsonl.gz",
        "slub/slab_96_2_s1.jsonl.gz",
    ],
)
def test_a_recording_cut_within_a_line_is_a_mismatch_and_says_where(name: str) -> None:
    with gzip.open(RECORDINGS / name, "rt") as file:
        lines = list(file)[:60]
    lines[-1] = lines[-1][: len(lines[-1]) // 2]
    result = conform_lines(Path(name).name.removesuffix(".gz"), lines)
    assert not result.ok
    assert result.first_mismatch is not None
    assert any(note.startswith("not replayed: what follows line") for note in result.notes)


def test_a_disk_of_unknown_size_is_solved_for() -> None:
    name = "size_256M_nomerge.facts.jsonl"
    with gzip.open(RECORDINGS / "size" / f"{name}.gz", "rt") as file:
        result = conform_lines(name, list(file))
    assert result.ok
    assert result.total > 15
    assert ["not compared" in note for note in result.notes] == [True]
