"""vmalloc: memory that is contiguous only in virtual addresses (`mm/vmalloc.c`).

An area takes address space (`VaSpace`), frames one by one, and page-table entries; its last page
is an unmapped guard. All sizes are bytes, addresses ints, 0 is NULL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import (
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    VMALLOC_END,
    VMALLOC_START,
    is_vmalloc_address,
    page_align,
)
from kmemquest.kernel.events import VmAreaCreated, VmAreaFreed, VmAreasPurged
from kmemquest.kernel.gfp import (
    DMA32_BIT,
    FS,
    GFP_DMA_BIT,
    GFP_KERNEL,
    HIGH,
    HIGHMEM,
    IO,
    MEMALLOC,
    NOFAIL,
    NOMEMALLOC,
    NORETRY,
    NOWARN,
    RECLAIM,
    RETRY_MAYFAIL,
    ZERO,
)
from kmemquest.kernel.log import KERN_WARNING
from kmemquest.kernel.mm import vmap_messages as messages
from kmemquest.kernel.mm.kernel_stack import KernelStacks
from kmemquest.kernel.mm.kvmalloc import KvMalloc
from kmemquest.kernel.mm.vmap_area import (
    VM_ALLOC,
    VM_ALLOW_HUGE_VMAP,
    VM_IOREMAP,
    VM_MAP,
    VM_MAP_PUT_PAGES,
    VM_NO_GUARD,
    VM_USERMAP,
    VmArea,
)
from kmemquest.kernel.mm.vmap_boot import occupy_at_boot
from kmemquest.kernel.mm.vmap_pages import allocate_frames, release_frames
from kmemquest.kernel.mm.vmap_space import VaSpace
from kmemquest.kernel.mm.vmap_table import PMD_SHIFT, PMD_SIZE, VmapTables

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

RECLAIM_MASK: Final = (
    RECLAIM | HIGH | IO | FS | NOWARN | RETRY_MAYFAIL | NOFAIL | NORETRY | MEMALLOC | NOMEMALLOC
)
"""The bits that vmalloc hands on to its own small allocations (`GFP_RECLAIM_MASK`)."""

IOREMAP_MAX_ORDER: Final = 30
DESCRIPTOR_SIZE: Final = 72
"""sizeof(struct vm_struct); it comes from kmalloc-96."""
VMAP_AREA_SIZE: Final = 72
"""sizeof(struct vmap_area); it has a cache of its own."""

AREA_COST: Final = 900
"""Nanoseconds to find and enter an area, besides the allocations it makes."""
FREE_COST: Final = 700
"""Nanoseconds to look up and leave an area, besides unmapping and freeing pages."""
TLB_FLUSH_COST: Final = 3_000
"""Nanoseconds of the flush that ends a purge."""

CURRENT_CPU: Final = 0
"""Drivers run on CPU 0."""


class VmallocSpace:
    """The vmalloc window of a machine: areas, their frames, and what is still lazily freed."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.space = VaSpace(machine.spec.cpus)
        self.tables = VmapTables(machine)
        self.stacks = KernelStacks(machine)
        self.kv = KvMalloc(machine)
        self.allow_huge = not machine.spec.option("nohugevmalloc")
        self.drain_scheduled = False
        """The kernel's worker was asked to purge and has not run yet."""
        self.drains = 0
        """How often that worker has run."""
        self._deferred_frees: list[int] = []
        self.pages_in_use = 0
        """Frames held by vmalloc areas (`VmallocUsed` of /proc/meminfo, in pages)."""
        if machine.phase == "slab":
            occupy_at_boot(machine, self)

    @property
    def areas(self) -> list[VmArea]:
        """All areas in address order."""
        return self.space.areas()

    # --- the interface of drivers -----------------------------------------------------------

    def vmalloc(self, size: int, nid: int | None = None) -> int:
        """Allocate `size` bytes in 4 KiB pages, not necessarily zeroed; 0 on failure."""
        return self._allocate(size, GFP_KERNEL, nid=nid)

    def vzalloc(self, size: int, nid: int | None = None) -> int:
        """Like vmalloc, every page zeroed by the page allocator."""
        return self._allocate(size, GFP_KERNEL | ZERO, nid=nid)

    def vmalloc_gfp(self, size: int, gfp: int) -> int:
        """`__vmalloc`: the caller's mask decides zeroing, waiting and (DMA, DMA32) the zone."""
        return self._allocate(size, gfp)

    def vmalloc_user(self, size: int) -> int:
        """Zeroed memory that remap_vmalloc_range may hand to user space."""
        return self._allocate(size, GFP_KERNEL | ZERO, flags=VM_USERMAP)

    def vmalloc_32(self, size: int) -> int:
        """Memory whose frames lie below 4 GiB."""
        return self._allocate(size, DMA32_BIT | GFP_KERNEL)

    def vmalloc_32_user(self, size: int) -> int:
        """Zeroed memory below 4 GiB that may be mapped to user space."""
        return self._allocate(size, DMA32_BIT | GFP_KERNEL | ZERO, flags=VM_USERMAP)

    def vmalloc_huge(self, size: int, gfp: int = GFP_KERNEL, nid: int | None = None) -> int:
        """Memory that is mapped with 2 MiB pages if it is large enough and they can be had."""
        return self._allocate(size, gfp, flags=VM_ALLOW_HUGE_VMAP, nid=nid)

    def vrealloc(self, address: int, size: int, gfp: int) -> int:
        """Resize: in place while the area is large enough, else move (`vrealloc`)."""
        if not size:
            self.vfree(address)
            return 0
        old = 0
        if address:
            area = self.space.find(address)
            if area is None:
                messages.warn_vrealloc(self._machine, address)
                return 0
            old = area.requested
            if size <= area.usable:
                if size <= old and gfp & ZERO:
                    self._machine.memory.fill(address + size, 0, old - size)
                area.requested = size
                return address
        moved = self._allocate(size, gfp)
        if moved and address:
            memory = self._machine.memory
            memory.poke(moved, memory.peek(address, old))
            self.vfree(address)
        return moved

    def vfree(self, address: int) -> None:
        """Unmap and free an area; any page-aligned address inside it does."""
        machine = self._machine
        if machine.context.in_interrupt:
            if address:
                self._deferred_frees.append(address)
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

    def vmap(self, pfns: list[int], *, put_pages: bool = False) -> int:
        """Map existing frames side by side; with `put_pages` vfree gives them back."""
        machine = self._machine
        if messages.refuse_in_interrupt(machine):
            return 0
        machine.checks.might_sleep("vmap", None, messages.FILE, 3488)
        if not pfns or len(pfns) > self._total_pages():
            return 0
        self.let_worker_run()
        caller = messages.caller_symbol(machine, "vmap")
        area = self._reserve(len(pfns) << PAGE_SHIFT, 1, PAGE_SHIFT, VM_MAP, GFP_KERNEL, caller)
        if area is None:
            return 0
        if not self.tables.map_frames(area.start, pfns, huge=False):
            self._remove(area)
            self._release_descriptor(area)
            return 0
        area.mapped = len(pfns)
        if put_pages:
            area.flags |= VM_MAP_PUT_PAGES
            area.pfns = list(pfns)
        self.announce(area, tuple(pfns))
        return area.start

    def vunmap(self, address: int) -> None:
        """Undo vmap; the frames stay with their owner."""
        machine = self._machine
        if messages.refuse_in_interrupt(machine):
            return
        machine.checks.might_sleep("vunmap", None, messages.FILE, 3457)
        if not address:
            return
        self.let_worker_run()
        area = self.remove_area(address)
        if area is None:
            messages.warn_nonexistent(machine, address, "vunmap")
            return
        self._release_descriptor(area)

    def purge(self) -> None:
        """`vm_unmap_aliases`: flush the TLB and make lazily freed space available again."""
        self._purge(full_decay=False)

    def kvmalloc(self, size: int, gfp: int = GFP_KERNEL, nid: int | None = None) -> int:
        """Kmalloc if possible, else vmalloc (see `KvMalloc`)."""
        return self.kv.kvmalloc(size, gfp, nid)

    def kvzalloc(self, size: int, gfp: int = GFP_KERNEL) -> int:
        """Kvmalloc with zeroed memory."""
        return self.kv.kvmalloc(size, gfp | ZERO)

    def kvfree(self, address: int) -> None:
        """Free what kvmalloc gave."""
        self.kv.kvfree(address)

    def map_stack(self, size: int) -> int:
        """Map a kernel stack of `size` bytes; return the address just above it, 0 on failure."""
        return self.stacks.map_stack(size)

    def unmap_stack(self, top: int, size: int) -> None:
        """Give a stack back."""
        self.stacks.unmap_stack(top, size)

    def is_vmalloc_addr(self, address: int) -> bool:
        """Tell whether an address lies in the window, mapped or not."""
        return is_vmalloc_address(address)

    def vmalloc_to_pfn(self, address: int) -> int:
        """Return the frame behind an address, -1 where nothing is mapped."""
        return self._machine.memory.page_table.get(address >> PAGE_SHIFT, -1)

    # --- what other parts of the kernel use -------------------------------------------------

    def area_at(self, address: int) -> VmArea | None:
        """Return the area that contains an address (`find_vm_area`)."""
        return self.space.find(address)

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
        return self._allocate(
            size, gfp, flags=flags, nid=nid, align=align, low=low, high=high, caller=caller
        )

    def reserve_io(self, size: int, physical: int, caller: str) -> VmArea | None:
        """Reserve an area for `size` bytes of device memory and map it (`ioremap`)."""
        order = min(max((size - 1).bit_length(), PAGE_SHIFT), IOREMAP_MAX_ORDER)
        area = self._reserve(size, 1 << order, PAGE_SHIFT, VM_IOREMAP, GFP_KERNEL, caller)
        if area is None:
            return None
        area.physical = physical
        pfns = list(range(physical >> PAGE_SHIFT, (physical + size) >> PAGE_SHIFT))
        if not self.tables.map_frames(area.start, pfns, huge=True):
            self._remove(area)
            self._release_descriptor(area)
            return None
        area.mapped = len(pfns)
        self.announce(area, ())
        return area

    def adopt_area(self, area: VmArea) -> None:
        """Enter an area that boot code set up at a given address (`vm_area_add_early`)."""
        taken = self.space.free.take(area.start, area.end)
        assert taken, "a boot-time area lies on another one"
        self.space.insert(area)
        self.announce(area, tuple(area.pfns))

    def remove_area(self, address: int) -> VmArea | None:
        """Unmap the area that contains a page-aligned address (`remove_vm_area`)."""
        if address & (PAGE_SIZE - 1):
            messages.warn_bad_address(self._machine, address)
            return None
        area = self.space.find(address)
        if area is None:
            return None
        self._remove(area)
        return area

    def release_descriptor(self, area: VmArea) -> None:
        """Free the descriptor of a removed area."""
        self._release_descriptor(area)

    def announce(self, area: VmArea, pfns: tuple[int, ...]) -> None:
        """Tell the stream and KASAN of a new area."""
        machine = self._machine
        if machine.events.active:
            machine.events.emit(
                VmAreaCreated(area.start, area.end, area.kind, pfns, area.caller, area.physical)
            )
        kasan = machine.checks.kasan
        if kasan is not None and not area.flags & VM_IOREMAP:
            kasan.vmalloc_mapped(area.start, area.requested, area.usable)

    def let_worker_run(self) -> None:
        """Run what was left to workers, if the present context lets another task run.

        A kernel with voluntary preemption switches at the next point that may sleep; the
        vmalloc functions are such points, and a driver that sleeps is another.
        """
        if not self._machine.context.may_sleep:
            return
        while self._deferred_frees:
            self._free_now(self._deferred_frees.pop())
        if self.drain_scheduled:
            self.drains += 1
            self._purge(full_decay=False)

    # --- allocation -------------------------------------------------------------------------

    def _allocate(
        self,
        size: int,
        gfp: int,
        *,
        flags: int = 0,
        nid: int | None = None,
        align: int = 1,
        low: int = VMALLOC_START,
        high: int = VMALLOC_END,
        caller: str = "",
    ) -> int:
        machine = self._machine
        if size <= 0:
            messages.warn_size_zero(machine)
            return 0
        if size >> PAGE_SHIFT > self._total_pages():
            messages.warn_vmalloc(
                machine, gfp, f"vmalloc error: size {size}, exceeds total pages", nid
            )
            return 0
        caller = caller or messages.caller_symbol(machine, "vmalloc")
        shift, wanted_align = PAGE_SHIFT, align
        if self._wants_huge(size, flags, nid):
            shift, wanted_align = PMD_SHIFT, max(align, PMD_SIZE)
        area = self._build(size, wanted_align, shift, flags, gfp, nid, low, high, caller)
        if area is None and shift == PMD_SHIFT and not machine.context.in_interrupt:
            area = self._build(size, align, PAGE_SHIFT, flags, gfp, nid, low, high, caller)
        return 0 if area is None else area.start

    def _wants_huge(self, size: int, flags: int, nid: int | None) -> bool:
        if not (self.allow_huge and flags & VM_ALLOW_HUGE_VMAP):
            return False
        share = size if nid is not None else size // self._machine.spec.nodes
        return share >= PMD_SIZE

    def _build(
        self,
        size: int,
        align: int,
        shift: int,
        flags: int,
        gfp: int,
        nid: int | None,
        low: int,
        high: int,
        caller: str,
    ) -> VmArea | None:
        """One attempt with 4 KiB (`shift` 12) or 2 MiB (21) pages."""
        machine = self._machine
        if messages.refuse_in_interrupt(machine):
            return None
        machine.checks.might_sleep("vmalloc", gfp)
        self.let_worker_run()
        rounded = (size + (1 << shift) - 1) >> shift << shift
        area = self._reserve(rounded, align, shift, flags | VM_ALLOC, gfp, caller, low, high)
        if area is None:
            messages.warn_vmalloc(
                machine, gfp, f"vmalloc error: size {size}, vm_struct allocation failed", nid
            )
            return None
        area.requested = size
        area.page_order = shift - PAGE_SHIFT
        if not self._populate(area, gfp, nid):
            return None
        self.announce(area, tuple(area.pfns))
        return area

    def _populate(self, area: VmArea, gfp: int, nid: int | None) -> bool:
        """Get the page array and the frames, and map them (`__vmalloc_area_node`)."""
        machine = self._machine
        count = area.usable >> PAGE_SHIFT
        array_bytes = count * 8
        nested = gfp & RECLAIM_MASK | ZERO
        if not gfp & (GFP_DMA_BIT | DMA32_BIT):
            gfp |= HIGHMEM
        if array_bytes > PAGE_SIZE:
            area.array = self._allocate(array_bytes, nested | HIGHMEM, nid=nid, caller=area.caller)
        else:
            area.array = machine.kmalloc.kmalloc(array_bytes, nested, nid)
        if not area.array:
            messages.warn_vmalloc(
                machine,
                gfp,
                f"vmalloc error: size {count << PAGE_SHIFT}, "
                f"failed to allocated page array size {array_bytes}",
                nid,
            )
            self._discard(area)
            return False
        area.pfns = allocate_frames(machine, count, gfp | NOWARN, area.page_order, nid)
        self.pages_in_use += len(area.pfns)
        if len(area.pfns) != count:
            if area.page_order == 0 and not machine.context.task.oom_victim:
                messages.warn_vmalloc(
                    machine,
                    gfp,
                    f"vmalloc error: size {len(area.pfns) << PAGE_SHIFT}, failed to allocate pages",
                    nid,
                )
            self._discard(area)
            return False
        if not self._map(area, gfp):
            messages.warn_vmalloc(
                machine,
                gfp,
                f"vmalloc error: size {count << PAGE_SHIFT}, failed to map pages",
                nid,
            )
            self._discard(area)
            return False
        area.mapped = count
        return True

    def _map(self, area: VmArea, gfp: int) -> bool:
        """Map inside the scope that the mask implies: page tables come with GFP_KERNEL."""
        from kmemquest.kernel.context import PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO

        task = self._machine.context.task
        before = task.flags
        if gfp & (FS | IO) == IO:
            task.flags |= PF_MEMALLOC_NOFS
        elif not gfp & (FS | IO):
            task.flags |= PF_MEMALLOC_NOIO
        mapped = self.tables.map_frames(area.start, area.pfns, huge=area.page_order > 0)
        task.flags = before
        return mapped

    def _reserve(
        self,
        size: int,
        align: int,
        shift: int,
        flags: int,
        gfp: int,
        caller: str,
        low: int = VMALLOC_START,
        high: int = VMALLOC_END,
    ) -> VmArea | None:
        """Take address space and descriptors (`__get_vm_area_node`); `size` without the guard."""
        machine = self._machine
        size = page_align((size + (1 << shift) - 1) >> shift << shift)
        if size == 0:
            return None
        nested = gfp & RECLAIM_MASK
        descriptor = machine.kmalloc.kmalloc(DESCRIPTOR_SIZE, nested | ZERO)
        if not descriptor:
            return None
        requested = size
        if not flags & VM_NO_GUARD:
            size += PAGE_SIZE
        start, vmap_node = self.space.allocate(size, align, low, high, CURRENT_CPU)
        if not start:
            self._purge(full_decay=True)
            start, vmap_node = self.space.allocate(size, align, low, high, CURRENT_CPU)
        if not start:
            if not gfp & NOWARN:
                machine.log.print(
                    f"vmalloc_node_range for size {size} failed: "
                    f"Address range restricted to {low:#x} - {high:#x}",
                    KERN_WARNING,
                )
            machine.kmalloc.kfree(descriptor)
            return None
        area = VmArea(start, size, requested, flags, caller)
        area.vmap_node = vmap_node
        area.descriptor = descriptor
        self.space.insert(area)
        machine.clock.advance(AREA_COST)
        return area

    def _total_pages(self) -> int:
        return sum(zone.managed for zone in self._machine.pages.zones)

    # --- freeing ----------------------------------------------------------------------------

    def _free_now(self, address: int) -> None:
        area = self.remove_area(address)
        if area is None:
            messages.warn_nonexistent(self._machine, address, "vfree")
            return
        self._release_contents(area)

    def _discard(self, area: VmArea) -> None:
        """Undo a half-built area; its range becomes lazy like any other."""
        self._remove(area, announce=False)
        self._release_contents(area)

    def _release_contents(self, area: VmArea) -> None:
        machine = self._machine
        if not area.flags & VM_MAP_PUT_PAGES:
            self.pages_in_use -= len(area.pfns)
        release_frames(machine, area.pfns)
        # Freeing page by page offers to reschedule, so a purge that this area made due comes
        # before the page array is freed.
        self.let_worker_run()
        array = area.array
        if array:
            if is_vmalloc_address(array):
                self._free_now(array)
            else:
                machine.kmalloc.kfree(array)
        self._release_descriptor(area)

    def _remove(self, area: VmArea, *, announce: bool = True) -> None:
        machine = self._machine
        machine.clock.advance(FREE_COST)
        usable = area.usable
        kasan = machine.checks.kasan
        if kasan is not None and not area.flags & VM_IOREMAP:
            kasan.vmalloc_unmapped(area.start, usable)
        self.tables.unmap(area.start, usable)
        self.space.remove(area)
        if self.space.purge_is_due:
            self.drain_scheduled = True
        if announce and machine.events.active:
            machine.events.emit(VmAreaFreed(area.start, area.end, area.kind))

    def _release_descriptor(self, area: VmArea) -> None:
        if area.descriptor:
            self._machine.kmalloc.kfree(area.descriptor)
            area.descriptor = 0

    def _purge(self, *, full_decay: bool) -> None:
        machine = self._machine
        self.drain_scheduled = False
        ranges = self.space.purge(full_decay=full_decay)
        if not ranges:
            return
        machine.clock.advance(TLB_FLUSH_COST)
        if machine.events.active:
            machine.events.emit(VmAreasPurged(tuple(ranges)))
