"""What the kernel does with a pointer that should be a `struct page` and may be anything.

Sources: `include/linux/page-flags.h:_compound_head`, `include/linux/mm.h:put_page_testzero`,
`mm/page_alloc.c:___free_pages`, `include/linux/mmzone.h:__nr_to_section`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import (
    ADDRESS_MASK,
    STRUCT_PAGE_SIZE,
    VMEMMAP_START,
    page_to_pfn,
)
from kmemquest.kernel.check.oops import bug
from kmemquest.kernel.mm.page_check import COUNT_AT

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

FLAGS_AT: Final = 0
HEAD_AT: Final = 8
"""`compound_head`: looked at before the count, by all who go by way of the folio."""
TYPE_AT: Final = 48
PG_HEAD: Final = 1 << 6
TAIL: Final = 1
SECTION_SHIFT: Final = 15
"""Page frames of a section, as a power of two."""
ROOT_SHIFT: Final = 8
"""Sections that one entry of `mem_section` stands for, as a power of two."""


def frame_of(engine: Engine, page: int, at: int = HEAD_AT) -> int | None:
    """Return the frame that a `struct page` describes; None for a pointer to anything else.

    Eight bytes at offset `at` are read of such a pointer, and where nothing is mapped that faults.
    """
    pfn = page_to_pfn(page)
    if 0 <= pfn < engine.machine.memory.max_pfn and page % STRUCT_PAGE_SIZE == 0:
        return pfn
    engine.machine.memory.load_bytes(page + at, 8)
    engine.check()
    return None


def count_of_other_memory(engine: Engine, page: int) -> int:
    """Return what stands where a `struct page` has its reference count, as a signed int."""
    memory = engine.machine.memory
    head = memory.load(page + HEAD_AT, 8)
    count = memory.load((head - TAIL if head & TAIL else page) + COUNT_AT, 4)
    return count - (1 << 32) if count >> 31 else count


def drop_reference_of_other_memory(engine: Engine, page: int, order: int | None = None) -> None:
    """Free what is no `struct page`: four bytes of somebody's memory are decremented.

    Only where they were 1, or parts behind the first page are to be freed (`order` above 0), does
    the kernel go on to look for the zone of a frame that does not exist. `order` is None for
    put_page, which goes by way of the folio.
    """
    machine = engine.machine
    memory = machine.memory
    if order is None:
        head = memory.load(page + HEAD_AT, 8)
        page = head - TAIL if head & TAIL else page
    is_head = memory.load(page + FLAGS_AT, 8) & PG_HEAD
    count = memory.load(page + COUNT_AT, 4)
    if count == 0 and machine.spec.checkers.debug_vm:
        bug(machine, "include/linux/mm.h", 1140, "put_page" if order is None else "__free_pages")
        return
    engine.check()
    memory.store(page + COUNT_AT, 4, count - 1)
    if count == 1 or (order and not is_head):
        _look_for_section(engine, page)


def _look_for_section(engine: Engine, page: int) -> None:
    """Find the section of a frame number that is nonsense: far outside `mem_section`."""
    machine = engine.machine
    difference = page - VMEMMAP_START
    pfn = difference // STRUCT_PAGE_SIZE & ADDRESS_MASK
    root = pfn >> SECTION_SHIFT + ROOT_SHIFT
    address = machine.memblock.boot.section_roots + 8 * root & ADDRESS_MASK
    machine.fault(address, 8, write=False)
