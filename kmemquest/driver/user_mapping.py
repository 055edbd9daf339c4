"""Driver memory in the address space of a user process: the mapping, its page table, its faults.

Sources: `mm/mmap.c` for the life of a mapping, `mm/memory.c` for what fills it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.devices import OpenFile, signed, world_of
from kmemquest.driver.holdings import gave_back_pages
from kmemquest.driver.user_process import UserProcess
from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, page_to_pfn, pfn_to_page
from kmemquest.kernel.events import Report
from kmemquest.kernel.gfp import GFP_HIGHUSER_MOVABLE

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

VM_READ: Final = 0x1
VM_WRITE: Final = 0x2
VM_SHARED: Final = 0x8
VM_MAYREAD: Final = 0x10
VM_MAYWRITE: Final = 0x20
VM_MAYSHARE: Final = 0x80
VM_PFNMAP: Final = 0x400
VM_IO: Final = 0x4000
VM_MIXEDMAP: Final = 0x1000_0000
FAULT_NOPAGE: Final = 0x100
FAULT_ERRORS: Final = 0x1 | 0x2 | 0x40
FAULT_OOM: Final = 0x1
FAULT_SIGSEGV: Final = 0x40
FAULT_FLAG_WRITE: Final = 0x1
PAGE_PROTECTION: Final = 0x8000_0000_0000_0025
"""Present, user, accessed, not executable: the protection bits of a shared read-only page."""
PROTECTION_WRITE: Final = 0x2
FIRST_MAPPING: Final = 0x7F80_0000_0000
"""Where mappings are put, below the process's own buffer area."""


@dataclass(slots=True)
class UserMapping:
    """One `vm_area_struct` of a process, of `size` bytes."""

    user: UserProcess
    entry: OpenFile
    vma: int
    start: int
    size: int
    entries: dict[int, int] = field(default_factory=dict)
    """Its part of the page table: virtual page number -> pfn, maybe beyond the end of the area."""
    counted: set[int] = field(default_factory=set)
    """Virtual pages that hold a reference of their frame (not those of remap_pfn_range)."""
    copied: set[int] = field(default_factory=set)
    """Virtual pages of a private mapping that were written: the process has frames of its own."""
    locked: bool = True
    """mmap() holds the lock of the address space for writing; nothing later does."""

    def map(self, engine: Engine, address: int, pfn: int, *, counted: bool) -> None:
        """Enter one page."""
        page = address >> PAGE_SHIFT
        self.entries[page] = pfn
        if counted:
            self.counted.add(page)
        engine.machine.memory.map_page(address, pfn)

    def unmap(self, engine: Engine) -> None:
        """Take all pages out and drop the references that the mapping held."""
        machine = engine.machine
        for page, pfn in self.entries.items():
            machine.memory.unmap_page(page << PAGE_SHIFT)
            if page in self.counted:
                _drop_reference(engine, pfn)
        self.entries.clear()
        self.counted.clear()
        self.copied.clear()

    def copy(self, engine: Engine, page: int) -> bool:
        """Replace a page by a copy that is the process's own (`mm/memory.c:wp_page_copy`)."""
        machine = engine.machine
        pfn = machine.pages.alloc_pages(GFP_HIGHUSER_MOVABLE, 0)
        if pfn < 0:
            return False
        old = self.entries[page]
        content = machine.memory.read_physical(old << PAGE_SHIFT, PAGE_SIZE)
        machine.memory.write_physical(pfn << PAGE_SHIFT, content)
        self.map(engine, page << PAGE_SHIFT, pfn, counted=False)
        if page in self.counted:
            _drop_reference(engine, old)
        self.counted.add(page)
        self.copied.add(page)
        return True

    def operation(self, engine: Engine, name: str) -> int:
        """Return the address in a slot of vm_ops, 0 without one."""
        machine = engine.machine
        operations = abi.get(machine, self.vma, abi.VM_AREA, "vm_ops")
        if not operations:
            return 0
        offset, size = abi.VM_OPERATIONS[name]
        return machine.memory.load(operations + offset, size)


def _drop_reference(engine: Engine, pfn: int) -> None:
    """Drop the mapping's reference of a frame; the last one frees it, whoever allocated it."""
    pages = engine.machine.pages
    head = pages.frames.compound_head(pfn)
    order = pages.frames.compound_order(head)
    pages.put_page(pfn)
    if not pages.page_count(head):
        gave_back_pages(engine, pfn_to_page(head), order, "munmap")


def new_mapping(
    engine: Engine, user: UserProcess, entry: OpenFile, size: int, page_offset: int, flags: int
) -> UserMapping:
    """Make the area of an mmap() call of `size` bytes, before the driver fills it."""
    machine, world = engine.machine, world_of(engine)
    start = min((m.start for m in world.mappings.values()), default=FIRST_MAPPING)
    start -= size + PAGE_SIZE
    vma = engine.reserve(abi.VM_AREA_SIZE)
    protection = PAGE_PROTECTION | (PROTECTION_WRITE if flags & VM_WRITE else 0)
    fields = {
        "vm_start": start,
        "vm_end": start + size,
        "vm_page_prot": protection,
        "vm_flags": flags,
        "vm_pgoff": page_offset,
        "vm_file": entry.file,
    }
    for name, value in fields.items():
        abi.put(machine, vma, abi.VM_AREA, name, value)
    mapping = UserMapping(user, entry, vma, start, size)
    world.mappings[vma] = mapping
    return mapping


def drop_mapping(engine: Engine, mapping: UserMapping, *, tell: bool = True) -> None:
    """munmap(): the pages go, then the driver hears of it (`remove_vma`)."""
    mapping.unmap(engine)
    close = mapping.operation(engine, "close") if tell else 0
    if close:
        engine.call(close, mapping.vma)
    world_of(engine).mappings.pop(mapping.vma, None)


def fault(engine: Engine, mapping: UserMapping, address: int, *, write: bool) -> str:
    """Take the page fault of an access in the area; return the signal it ends with, or nothing."""
    machine = engine.machine
    flags = abi.get(machine, mapping.vma, abi.VM_AREA, "vm_flags")
    if not flags & (VM_WRITE if write else VM_READ):
        return "SIGSEGV"
    page = address >> PAGE_SHIFT
    if page not in mapping.entries:
        signal = _fill(engine, mapping, address, write=write)
        if signal:
            return signal
    if write and not flags & VM_SHARED and page not in mapping.copied:
        return "" if mapping.copy(engine, page) else "SIGBUS"
    return ""


def _fill(engine: Engine, mapping: UserMapping, address: int, *, write: bool) -> str:
    """Let the driver's fault handler enter the page (`mm/memory.c:__do_fault`)."""
    machine = engine.machine
    handler = mapping.operation(engine, "fault")
    if not handler:
        return "SIGBUS"
    page_start = address & ~(PAGE_SIZE - 1)
    offset = abi.get(machine, mapping.vma, abi.VM_AREA, "vm_pgoff")
    vmf = engine.reserve(abi.VM_FAULT_SIZE)
    fields = {
        "vma": mapping.vma,
        "gfp_mask": GFP_HIGHUSER_MOVABLE,
        "pgoff": offset + (page_start - mapping.start >> PAGE_SHIFT),
        "address": page_start,
        "flags": FAULT_FLAG_WRITE if write else 0,
        "page": 0,
    }
    for name, value in fields.items():
        abi.put(machine, vmf, abi.VM_FAULT, name, value)
    result = signed(engine.call(handler, vmf)) & 0xFFFF_FFFF
    if result & FAULT_ERRORS:
        return "SIGSEGV" if result & FAULT_SIGSEGV else "SIGBUS"
    if not result & FAULT_NOPAGE:
        page = abi.get(machine, vmf, abi.VM_FAULT, "page")
        if not page:
            return "SIGBUS"
        mapping.map(engine, page_start, page_to_pfn(page), counted=True)
    return "" if address >> PAGE_SHIFT in mapping.entries else "SIGBUS"


def report_freed_frame(engine: Engine, mapping: UserMapping, address: int, *, write: bool) -> None:
    """A process reaches a frame that the driver gave back long ago: nothing ever says so."""
    machine = engine.machine
    pfn = mapping.entries[address >> PAGE_SHIFT]
    if machine.pages.zone_at(pfn) is None or machine.pages.page_count(pfn):
        return
    act = "writes to" if write else "reads"
    machine.report(
        Report(
            "mapping-of-freed-page", "silent", "", address=pfn << PAGE_SHIFT, spoken=False,
            detail=f"{mapping.user.comm} {act} page frame {pfn:#x} that the driver has freed",
        )
    )  # fmt: skip
