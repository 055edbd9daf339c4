"""Descriptors of the vmalloc window: one area and its flags (`include/linux/vmalloc.h`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE

VM_IOREMAP: Final = 0x1
VM_ALLOC: Final = 0x2
VM_MAP: Final = 0x4
VM_USERMAP: Final = 0x8
VM_DMA_COHERENT: Final = 0x10
VM_UNINITIALIZED: Final = 0x20
VM_NO_GUARD: Final = 0x40
VM_MAP_PUT_PAGES: Final = 0x200
VM_ALLOW_HUGE_VMAP: Final = 0x400

NO_NODE: Final = -1
"""An area that no CPU's vmap node owns."""


@dataclass(slots=True)
class VmArea:
    """A `struct vm_struct` with its `struct vmap_area`.

    [start, start + size) are bytes of virtual space **including** the guard page at the end;
    `pfns` are the frames that belong to the area (vfree gives them back), `mapped` how many pages
    have a translation. `physical` is what an ioremap shows. `array` is the address of the
    page-pointer array, `descriptor` that of the `struct vm_struct` itself.
    """

    start: int
    size: int
    requested: int
    flags: int
    caller: str = ""
    pfns: list[int] = field(default_factory=list)
    mapped: int = 0
    page_order: int = 0
    physical: int = 0
    vmap_node: int = NO_NODE
    array: int = 0
    descriptor: int = 0

    @property
    def end(self) -> int:
        """The first byte after the guard page."""
        return self.start + self.size

    @property
    def usable(self) -> int:
        """Bytes without the guard page (`get_vm_area_size`)."""
        return self.size if self.flags & VM_NO_GUARD else self.size - PAGE_SIZE

    @property
    def pages(self) -> int:
        """Pages of address space including the guard page: what the lazy counter counts."""
        return self.size >> PAGE_SHIFT

    @property
    def kind(self) -> str:
        """The word of `VmAreaCreated`: ioremap, vmalloc, vmap or stack."""
        if self.flags & VM_IOREMAP:
            return "ioremap"
        if self.flags & VM_MAP:
            return "vmap"
        if self.caller.startswith("kernel_clone"):
            return "stack"
        if self.caller.startswith("pcpu_"):
            return "percpu"
        return "vmalloc"
