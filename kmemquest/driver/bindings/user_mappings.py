"""`mmap` of `<linux/mm.h>`: how a driver fills the mapping of a process (`mm/memory.c`)."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.dma import find_device
from kmemquest.driver.devices import world_of
from kmemquest.driver.user_mapping import (
    FAULT_NOPAGE,
    FAULT_OOM,
    VM_IO,
    VM_MAYWRITE,
    VM_MIXEDMAP,
    VM_PFNMAP,
    VM_SHARED,
    UserMapping,
)
from kmemquest.kernel.address import (
    PAGE_SHIFT,
    PAGE_SIZE,
    page_align,
    page_to_pfn,
    pfn_to_page,
    pfn_to_virt,
)
from kmemquest.kernel.check.oops import bug, warn

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EFAULT: Final = 14
EBUSY: Final = 16
EINVAL: Final = 22
ENXIO: Final = 6
FAULT_SIGBUS: Final = 0x2
VM_DONTEXPAND: Final = 0x40000
VM_DONTDUMP: Final = 0x400_0000
VM_USERMAP: Final = 0x8
PTE_COST: Final = 40
"""Nanoseconds to enter one page."""


def _mapping(engine: Engine, vma: int) -> UserMapping | None:
    """Return the mapping of an area; a pointer to anything else faults, or fills nothing."""
    found = world_of(engine).mappings.get(vma)
    if found is None:
        engine.machine.memory.load(vma, 8)
    return found


def _flags(engine: Engine, vma: int, more: int = 0) -> int:
    machine = engine.machine
    flags = abi.get(machine, vma, abi.VM_AREA, "vm_flags")
    if more & ~flags:
        abi.put(machine, vma, abi.VM_AREA, "vm_flags", flags | more)
    return flags | more


def _range(engine: Engine, vma: int) -> tuple[int, int, int]:
    """Return start, end and page offset as the area has them now."""
    machine = engine.machine
    start = abi.get(machine, vma, abi.VM_AREA, "vm_start")
    end = abi.get(machine, vma, abi.VM_AREA, "vm_end")
    return start, end, abi.get(machine, vma, abi.VM_AREA, "vm_pgoff")


# --- frames without a reference ------------------------------------------------------------


@binds("remap_pfn_range")
def remap_pfn_range(
    engine: Engine, vma: int, address: int, pfn: int, size: int, protection: int
) -> int:
    """Map frames as they are; that they end with the driver's buffer is for the driver to see."""
    mapping, machine = _mapping(engine, vma), engine.machine
    if mapping is None:
        return -EINVAL
    if address % PAGE_SIZE:
        warn(machine, "mm/memory.c", 2713, "remap_pfn_range_internal")
        return -EINVAL
    start, end, _ = _range(engine, vma)
    flags = _flags(engine, vma)
    size = page_align(size)
    copies = flags & (VM_SHARED | VM_MAYWRITE) == VM_MAYWRITE
    if copies and (address != start or address + size != end):
        return -EINVAL
    if not size:
        bug(machine, "mm/memory.c", 2737, "remap_pfn_range_internal")
        return -EINVAL
    _flags(engine, vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP)
    for index in range(min(size >> PAGE_SHIFT, machine.memory.max_pfn)):
        place = address + index * PAGE_SIZE
        if place >> PAGE_SHIFT in mapping.entries:
            bug(machine, "mm/memory.c", 2622, "remap_pfn_range_internal")
            return -EINVAL
        mapping.map(engine, place, pfn + index, counted=False)
    machine.clock.advance(PTE_COST * (size >> PAGE_SHIFT))
    return 0


@binds("vm_iomap_memory")
def vm_iomap_memory(engine: Engine, vma: int, physical: int, size: int) -> int:
    """Map a device's region; this one does look at the sizes."""
    if _mapping(engine, vma) is None:
        return -EINVAL
    pfn = physical >> PAGE_SHIFT
    pages = page_align(size + physical % PAGE_SIZE) >> PAGE_SHIFT
    start, end, offset = _range(engine, vma)
    if offset > pages or end - start >> PAGE_SHIFT > pages - offset:
        return -EINVAL
    return remap_pfn_range(engine, vma, start, pfn + offset, end - start, 0)


@binds("dma_mmap_coherent")
def dma_mmap_coherent(
    engine: Engine, dev: int, vma: int, address: int, handle: int, size: int
) -> int:
    """Map a coherent buffer (`kernel/dma/direct.c:dma_direct_mmap`)."""
    if find_device(engine, dev) is None or _mapping(engine, vma) is None:
        return -ENXIO
    start, end, offset = _range(engine, vma)
    count, wanted = page_align(size) >> PAGE_SHIFT, end - start >> PAGE_SHIFT
    if offset >= count or wanted > count - offset:
        return -ENXIO
    return remap_pfn_range(engine, vma, start, (handle >> PAGE_SHIFT) + offset, end - start, 0)


@binds("vmf_insert_pfn")
def vmf_insert_pfn(engine: Engine, vma: int, address: int, pfn: int) -> int:
    """Fill one page of an area that was marked VM_PFNMAP, from its fault handler."""
    mapping, machine = _mapping(engine, vma), engine.machine
    if mapping is None:
        return FAULT_SIGBUS
    start, end, _ = _range(engine, vma)
    if not _flags(engine, vma) & (VM_PFNMAP | VM_MIXEDMAP):
        bug(machine, "mm/memory.c", 2441, "vmf_insert_pfn_prot")
        return FAULT_SIGBUS
    if not start <= address < end:
        return FAULT_SIGBUS
    if address >> PAGE_SHIFT not in mapping.entries:
        mapping.map(engine, address & ~(PAGE_SIZE - 1), pfn, counted=False)
    return FAULT_NOPAGE


# --- pages with a reference ------------------------------------------------------------------


@binds("vm_insert_page")
def vm_insert_page(engine: Engine, vma: int, address: int, page: int) -> int:
    """Map one page and take a reference to it; slab pages have none to give."""
    mapping, machine = _mapping(engine, vma), engine.machine
    if mapping is None:
        return -EINVAL
    start, end, _ = _range(engine, vma)
    if not start <= address < end:
        return -EFAULT
    flags = _flags(engine, vma)
    if not flags & VM_MIXEDMAP:
        # Without the lock that mmap() holds for writing, the flags must not change.
        line = 2298 if not mapping.locked else 2299 if flags & VM_PFNMAP else 0
        if line:
            bug(machine, "mm/memory.c", line, "vm_insert_page")
            return -EINVAL
        _flags(engine, vma, VM_MIXEDMAP)
    pfn = page_to_pfn(page)
    if machine.pages.zone_at(pfn) is None:
        machine.fault(page, 8, write=False)
        return -EINVAL
    if not machine.pages.page_count(pfn) or machine.slub.slab_of(pfn_to_virt(pfn)) is not None:
        return -EINVAL
    if address >> PAGE_SHIFT in mapping.entries:
        return -EBUSY
    machine.pages.get_page(pfn)
    mapping.map(engine, address & ~(PAGE_SIZE - 1), pfn, counted=True)
    machine.clock.advance(PTE_COST)
    return 0


@binds("vmf_insert_page")
def vmf_insert_page(engine: Engine, vma: int, address: int, page: int) -> int:
    result = vm_insert_page(engine, vma, address, page)
    if result in (0, -EBUSY):
        return FAULT_NOPAGE
    return FAULT_OOM if result == -12 else FAULT_SIGBUS


@binds("vm_map_pages")
def vm_map_pages(engine: Engine, vma: int, pages: int, count: int) -> int:
    return _map_pages(engine, vma, pages, count, _range(engine, vma)[2])


@binds("vm_map_pages_zero")
def vm_map_pages_zero(engine: Engine, vma: int, pages: int, count: int) -> int:
    return _map_pages(engine, vma, pages, count, 0)


def _map_pages(engine: Engine, vma: int, pages: int, count: int, offset: int) -> int:
    start, end, _ = _range(engine, vma)
    wanted = end - start >> PAGE_SHIFT
    if offset >= count or wanted > count - offset:
        return -ENXIO
    for index in range(wanted):
        page = engine.machine.memory.load(pages + 8 * (offset + index), 8)
        result = vm_insert_page(engine, vma, start + index * PAGE_SIZE, page)
        if result:
            return result
    return 0


@binds("remap_vmalloc_range")
def remap_vmalloc_range(engine: Engine, vma: int, address: int, page_offset: int) -> int:
    """Map memory of vmalloc_user(); other vmalloc areas are refused (`mm/vmalloc.c`)."""
    machine = engine.machine
    if _mapping(engine, vma) is None or address % PAGE_SIZE:
        return -EINVAL
    start, end, _ = _range(engine, vma)
    area = machine.vmalloc.area_at(address)
    if area is None or not area.flags & VM_USERMAP:
        return -EINVAL
    first = address + page_offset * PAGE_SIZE
    if first + end - start > area.start + area.size - PAGE_SIZE:
        return -EINVAL
    for index in range(end - start >> PAGE_SHIFT):
        pfn = machine.vmalloc.vmalloc_to_pfn(first + index * PAGE_SIZE)
        page = pfn_to_page(pfn)
        result = vm_insert_page(engine, vma, start + index * PAGE_SIZE, page)
        if result:
            return result
    _flags(engine, vma, VM_DONTEXPAND | VM_DONTDUMP)
    return 0
