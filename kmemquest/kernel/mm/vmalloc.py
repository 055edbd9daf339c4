"""vmalloc: memory that is contiguous only in virtual addresses (`mm/vmalloc.c`).

An area takes address space, frames one by one, and page-table entries; its last page is an
unmapped guard. All sizes are bytes, addresses ints, 0 is NULL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, VMALLOC_END, VMALLOC_START
from kmemquest.kernel.context import PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO
from kmemquest.kernel.gfp import (
    DMA32_BIT,
    FS,
    GFP_DMA_BIT,
    GFP_KERNEL,
    HIGHMEM,
    IO,
    NOFAIL,
    NOWARN,
    ZERO,
)
from kmemquest.kernel.mm import vmap_messages as messages
from kmemquest.kernel.mm.kernel_stack import KernelStacks
from kmemquest.kernel.mm.kvmalloc import KvMalloc
from kmemquest.kernel.mm.vmap_area import VM_ALLOC, VM_ALLOW_HUGE_VMAP, VM_USERMAP, VmArea
from kmemquest.kernel.mm.vmap_areas import RECLAIM_MASK, VmapAreas
from kmemquest.kernel.mm.vmap_boot import occupy_at_boot
from kmemquest.kernel.mm.vmap_pages import allocate_frames
from kmemquest.kernel.mm.vmap_table import PMD_SHIFT, PMD_SIZE

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine


@dataclass(frozen=True, slots=True)
class Request:
    """What `__vmalloc_node_range` is asked for: `size` bytes inside [low, high)."""

    size: int
    gfp: int
    flags: int = 0
    nid: int | None = None
    align: int = 1
    low: int = VMALLOC_START
    high: int = VMALLOC_END
    caller: str = ""


class VmallocSpace(VmapAreas):
    """The vmalloc family of a machine, on top of its mapping window."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.stacks = KernelStacks(machine)
        self.kv = KvMalloc(machine)
        self.allow_huge = not machine.spec.option("nohugevmalloc")
        if machine.phase == "slab":
            occupy_at_boot(machine, self)

    # --- the interface of drivers -----------------------------------------------------------

    def vmalloc(self, size: int, nid: int | None = None) -> int:
        """Allocate `size` bytes in 4 KiB pages, not necessarily zeroed; 0 on failure."""
        return self._allocate(Request(size, GFP_KERNEL, nid=nid))

    def vzalloc(self, size: int, nid: int | None = None) -> int:
        """Like vmalloc, every page zeroed by the page allocator."""
        return self._allocate(Request(size, GFP_KERNEL | ZERO, nid=nid))

    def vmalloc_gfp(self, size: int, gfp: int) -> int:
        """`__vmalloc`: the caller's mask decides zeroing, waiting and (DMA, DMA32) the zone."""
        return self._allocate(Request(size, gfp))

    def vmalloc_user(self, size: int) -> int:
        """Zeroed memory that remap_vmalloc_range may hand to user space."""
        return self._allocate(Request(size, GFP_KERNEL | ZERO, VM_USERMAP))

    def vmalloc_32(self, size: int) -> int:
        """Memory whose frames lie below 4 GiB."""
        return self._allocate(Request(size, DMA32_BIT | GFP_KERNEL))

    def vmalloc_32_user(self, size: int) -> int:
        """Zeroed memory below 4 GiB that may be mapped to user space."""
        return self._allocate(Request(size, DMA32_BIT | GFP_KERNEL | ZERO, VM_USERMAP))

    def vmalloc_huge(self, size: int, gfp: int = GFP_KERNEL, nid: int | None = None) -> int:
        """Memory that is mapped with 2 MiB pages if it is large enough and they can be had."""
        return self._allocate(Request(size, gfp, VM_ALLOW_HUGE_VMAP, nid))

    def allocate_range(
        self,
        size: int,
        align: int,
        low: int,
        high: int,
        gfp: int,
        caller: str,
        flags: int = 0,
        nid: int | None = None,
    ) -> int:
        """`__vmalloc_node_range`: an area of `size` bytes inside [low, high), 0 on failure."""
        return self._allocate(Request(size, gfp, flags, nid, align, low, high, caller))

    def vrealloc(self, address: int, size: int, gfp: int) -> int:
        """Resize: in place while the area is large enough, else move (`vrealloc`)."""
        if not size:
            self.vfree(address)
            return 0
        memory = self._machine.memory
        old = 0
        if address:
            area = self.space.find(address)
            if area is None:
                messages.warn_vrealloc(self._machine, address)
                return 0
            old = area.requested
            if size <= area.usable:
                if size <= old and (gfp & ZERO or self._machine.pages.init_on_alloc):
                    memory.fill(address + size, 0, old - size)
                area.requested = size
                return address
        moved = self._allocate(Request(size, gfp))
        if moved and address:
            memory.poke(moved, memory.peek(address, old))
            self.vfree(address)
        return moved

    def vfree(self, address: int) -> None:
        """Unmap and free an area; any page-aligned address inside it does.

        In interrupt context the address is left to a worker.
        """
        machine = self._machine
        if machine.context.in_interrupt:
            self.vfree_atomic(address)
            return
        machine.checks.might_sleep("vfree", None, messages.FILE, 3419)
        if not address:
            return
        self.let_worker_run()
        self._free_now(address)

    def vfree_atomic(self, address: int) -> None:
        """Leave the free to a worker; for built-in code that must not sleep."""
        if address:
            self._deferred_frees.append(address)

    def kvmalloc(self, size: int, gfp: int = GFP_KERNEL, nid: int | None = None) -> int:
        """Try kmalloc, then vmalloc (see `KvMalloc`)."""
        return self.kv.kvmalloc(size, gfp, nid)

    def kvzalloc(self, size: int, gfp: int = GFP_KERNEL) -> int:
        """Give zeroed memory of either kind."""
        return self.kv.kvmalloc(size, gfp | ZERO)

    def kvrealloc(self, address: int, size: int, gfp: int = GFP_KERNEL) -> int:
        """Resize memory of either kind."""
        return self.kv.kvrealloc(address, size, gfp)

    def kvfree(self, address: int) -> None:
        """Free what kvmalloc gave."""
        self.kv.kvfree(address)

    def map_stack(self, size: int) -> int:
        """Map a kernel stack of `size` bytes; return the address just above it, 0 on failure."""
        return self.stacks.map_stack(size)

    def unmap_stack(self, top: int, size: int) -> None:
        """Give a stack back."""
        self.stacks.unmap_stack(top, size)

    # --- allocation -------------------------------------------------------------------------

    def _allocate(self, request: Request) -> int:
        machine = self._machine
        size = request.size
        if size <= 0:
            messages.warn_size_zero(machine)
            return 0
        if size >> PAGE_SHIFT > self._total_pages():
            self._complain(request.gfp, size, "exceeds total pages")
            return 0
        area = None
        if self._wants_huge(request):
            area = self._build(request, PMD_SHIFT)
            if area is None and machine.context.in_interrupt:
                return 0
        if area is None:
            area = self._build(request, PAGE_SHIFT)
        return 0 if area is None else area.start

    def _wants_huge(self, request: Request) -> bool:
        if not (self.allow_huge and request.flags & VM_ALLOW_HUGE_VMAP):
            return False
        share = request.size
        if request.nid is None:
            share //= self._machine.spec.nodes
        return share >= PMD_SIZE

    def _build(self, request: Request, shift: int) -> VmArea | None:
        """One attempt with 4 KiB (`shift` 12) or 2 MiB (21) pages."""
        machine = self._machine
        if messages.refuse_in_interrupt(machine):
            return None
        machine.checks.might_sleep("vmalloc", request.gfp)
        self.let_worker_run()
        area = self._reserve(
            (request.size + (1 << shift) - 1) >> shift << shift,
            max(request.align, PMD_SIZE) if shift == PMD_SHIFT else request.align,
            request.flags | VM_ALLOC,
            request.gfp,
            request.caller or messages.caller_symbol(machine, "vmalloc"),
            request.low,
            request.high,
        )
        if area is None:
            self._complain(request.gfp, request.size, "vm_struct allocation failed")
            return None
        area.requested = request.size
        area.page_order = shift - PAGE_SHIFT
        if not self._populate(area, request):
            self._discard(area)
            return None
        self.announce(area, tuple(area.pfns))
        return area

    def _populate(self, area: VmArea, request: Request) -> bool:
        """Get the page array and the frames, and map them (`__vmalloc_area_node`)."""
        machine = self._machine
        gfp, nid = request.gfp, request.nid
        count = area.usable >> PAGE_SHIFT
        if not gfp & (GFP_DMA_BIT | DMA32_BIT):
            gfp |= HIGHMEM
        if not self._take_array(area, count * 8, request):
            text = f"failed to allocated page array size {count * 8}"
            self._complain(gfp, count << PAGE_SHIFT, text)
            return False
        # Huge pages may fail: the area is made of single pages then, and those may not.
        mask = gfp & ~NOFAIL if area.page_order else gfp
        area.pfns = allocate_frames(machine, count, mask | NOWARN, area.page_order, nid)
        self.pages_in_use += len(area.pfns)
        if len(area.pfns) != count:
            if area.page_order == 0 and not machine.context.task.oom_victim:
                self._complain(gfp, len(area.pfns) << PAGE_SHIFT, "failed to allocate pages")
            return False
        if not self._map(area, gfp):
            self._complain(gfp, count << PAGE_SHIFT, "failed to map pages")
            return False
        area.mapped = count
        return True

    def _take_array(self, area: VmArea, size: int, request: Request) -> bool:
        """Get the array of page pointers: from vmalloc itself once it exceeds a page."""
        nested = request.gfp & RECLAIM_MASK | ZERO
        if size > PAGE_SIZE:
            own = Request(size, nested | HIGHMEM, nid=request.nid, caller=area.caller)
            area.array = self._allocate(own)
        else:
            area.array = self._machine.kmalloc.kmalloc(size, nested, request.nid)
        return area.array != 0

    def _map(self, area: VmArea, gfp: int) -> bool:
        """Map inside the scope that the mask implies: page tables come with GFP_KERNEL."""
        task = self._machine.context.task
        before = task.flags
        if gfp & (FS | IO) == IO:
            task.flags |= PF_MEMALLOC_NOFS
        elif not gfp & (FS | IO):
            task.flags |= PF_MEMALLOC_NOIO
        mapped = self.tables.map_frames(area.start, area.pfns, huge=area.page_order > 0)
        task.flags = before
        return mapped

    def _complain(self, gfp: int, size: int, what: str) -> None:
        messages.warn_vmalloc(self._machine, gfp, f"vmalloc error: size {size}, {what}")
