"""pin_user_pages of `<linux/mm.h>`: frames of a process that must stay where they are.

Source: `mm/gup.c`. A pin counts 1024 references of a small page (GUP_PIN_COUNTING_BIAS), so the
page can be neither moved nor freed, even if its process ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.uaccess import mapped
from kmemquest.driver.devices import world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.struct_page import frame_of
from kmemquest.driver.user_mapping import VM_IO, VM_PFNMAP, VM_WRITE, fault
from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, TASK_SIZE, pfn_to_page
from kmemquest.kernel.check.oops import warn_once
from kmemquest.kernel.events import Report

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EFAULT: Final = 14
EINVAL: Final = 22
EOVERFLOW: Final = 75
PIN: Final = 1024
FOLL_WRITE: Final = 0x1
ALLOWED: Final = 0x1 | 0x8 | 0x20 | 0x100 | 0x400 | 0x1000
"""WRITE, FORCE, NOFAULT, LONGTERM, PCI_P2PDMA, HONOR_NUMA_FAULT: the caller's flags."""
PIN_COST: Final = 30
"""Nanoseconds to find and count one page."""
KIND: Final = "user-pin"


@binds("pin_user_pages_fast")
def pin_user_pages_fast(engine: Engine, start: int, count: int, flags: int, pages: int) -> int:
    return pin(engine, start, count, flags, pages, "pin_user_pages_fast")


@binds("pin_user_pages_unlocked")
def pin_user_pages_unlocked(engine: Engine, start: int, count: int, pages: int, flags: int) -> int:
    return pin(engine, start, count, flags, pages, "pin_user_pages_unlocked")


def pin(engine: Engine, start: int, count: int, flags: int, pages: int, function: str) -> int:
    """Pin up to `count` pages from the page of `start` on; how many, or a negative error.

    Fewer than asked for is no error: the caller has to compare, and to unpin what it got.
    """
    machine = engine.machine
    if flags & ~ALLOWED or not pages:
        warn_once(machine, "gup-flags", "mm/gup.c", 3422, function)
        return -EINVAL
    start &= ~(PAGE_SIZE - 1)
    end = start + (count << PAGE_SHIFT)
    if count < 0 or end >= 1 << 64:
        return -EOVERFLOW
    if end > TASK_SIZE:
        return -EFAULT
    for index in range(count):
        address = start + (index << PAGE_SHIFT)
        pfn = _frame(engine, address, write=bool(flags & FOLL_WRITE))
        if pfn is None:
            return index or -EFAULT
        page = pfn_to_page(pfn)
        machine.memory.store(pages + 8 * index, 8, page)
        engine.check()
        machine.clock.advance(PIN_COST)
        head = machine.pages.frames.compound_head(pfn)
        machine.pages.frames.set_refcount(head, machine.pages.frames.refcount(head) + PIN)
        got(engine, KIND, page, PAGE_SIZE, function)
    return count


def _frame(engine: Engine, address: int, *, write: bool) -> int | None:
    """Return the frame behind a user page after the fault it may take; None where that fails."""
    machine = engine.machine
    for mapping in world_of(engine).mappings.values():
        if not mapping.start <= address < mapping.start + mapping.size:
            continue
        flags = abi.get(machine, mapping.vma, abi.VM_AREA, "vm_flags")
        if flags & (VM_IO | VM_PFNMAP) or (write and not flags & VM_WRITE):
            return None
        if fault(engine, mapping, address, write=write):
            return None
    if not mapped(engine, address):
        return None
    physical = machine.memory.translate(address)
    return None if physical is None else physical >> PAGE_SHIFT


@binds("unpin_user_page")
def unpin_user_page(engine: Engine, page: int) -> None:
    _unpin(engine, page, "unpin_user_page")


@binds("unpin_user_pages")
def unpin_user_pages(engine: Engine, pages: int, count: int) -> None:
    _unpin_all(engine, pages, count, "unpin_user_pages")


@binds("unpin_user_pages_dirty_lock")
def unpin_user_pages_dirty_lock(engine: Engine, pages: int, count: int, dirty: int) -> None:
    del dirty
    _unpin_all(engine, pages, count, "unpin_user_pages_dirty_lock")


def _unpin_all(engine: Engine, pages: int, count: int, function: str) -> None:
    for index in range(count):
        entry = engine.machine.memory.load(pages + 8 * index, 8)
        engine.check()
        _unpin(engine, entry, function)


def _unpin(engine: Engine, page: int, function: str) -> None:
    """Drop 1024 references (`gup_put_folio`); the last of a page whose process ended frees it."""
    pfn = frame_of(engine, page)
    if pfn is None:
        return
    pages = engine.machine.pages
    head = pages.frames.compound_head(pfn)
    count = pages.frames.refcount(head)
    if count < PIN:
        _unpin_unpinned(engine, page, count, function)
        pages.frames.set_refcount(head, count - PIN)
        return
    gave_back(engine, page, function, KIND)
    pages.frames.set_refcount(head, count - PIN + 1)
    pages.put_page(pfn)


def _unpin_unpinned(engine: Engine, page: int, count: int, function: str) -> None:
    """Only a DEBUG_VM kernel looks (`sanity_check_pinned_pages`); others get a count below 0."""
    machine = engine.machine
    if machine.spec.checkers.debug_vm:
        warn_once(machine, "gup-unpin", "mm/gup.c", 61, "sanity_check_pinned_pages")
    detail = f"{function} on a page that is not pinned: its count is {count - PIN}"
    machine.report(
        Report("double-free", "silent", "", (), page, machine.site, spoken=False, detail=detail)
    )
