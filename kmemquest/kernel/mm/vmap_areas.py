"""Areas of the mapping window: reserve, map existing frames, remove, purge (`mm/vmalloc.c`).

What all users of the window share: vmalloc, vmap, ioremap and kernel stacks. All sizes are bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import (
    PAGE_SHIFT,
    PAGE_SIZE,
    VMALLOC_END,
    VMALLOC_START,
    is_vmalloc_address,
    page_align,
)
from kmemquest.kernel.events import VmAreaCreated, VmAreaFreed, VmAreasPurged
from kmemquest.kernel.gfp import (
    FS,
    GFP_KERNEL,
    HIGH,
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
from kmemquest.kernel.mm.vmap_area import (
    VM_IOREMAP,
    VM_MAP,
    VM_MAP_PUT_PAGES,
    VM_NO_GUARD,
    VmArea,
)
from kmemquest.kernel.mm.vmap_pages import release_frames
from kmemquest.kernel.mm.vmap_space import VaSpace
from kmemquest.kernel.mm.vmap_table import VmapTables, frames_of

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

RECLAIM_MASK: Final = (
    RECLAIM | HIGH | IO | FS | NOWARN | RETRY_MAYFAIL | NOFAIL | NORETRY | MEMALLOC | NOMEMALLOC
)
"""The bits that are handed on to the code's own small allocations (`GFP_RECLAIM_MASK`)."""

IOREMAP_MAX_ORDER: Final = 30
DESCRIPTOR_SIZE: Final = 72
"""sizeof(struct vm_struct); it comes from kmalloc-96."""

AREA_COST: Final = 900
"""Nanoseconds to find and enter an area, besides the allocations it makes."""
FREE_COST: Final = 700
"""Nanoseconds to look up and leave an area, besides unmapping and freeing pages."""
TLB_FLUSH_COST: Final = 3_000
"""Nanoseconds of the flush that ends a purge."""

CURRENT_CPU: Final = 0
"""Drivers run on CPU 0."""


class VmapAreas:
    """The areas of a machine's mapping window and what is still lazily freed."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.space = VaSpace(machine.spec.cpus)
        self.tables = VmapTables(machine)
        self.drain_scheduled = False
        """The kernel's worker was asked to purge and has not run yet."""
        self.drains = 0
        """How often that worker has run."""
        self.pages_in_use = 0
        """Frames held by vmalloc areas (`VmallocUsed` of /proc/meminfo, in pages)."""
        self._deferred_frees: list[int] = []
        self._nodes: dict[int, int] = {}
        """Start of a range -> address of its `struct vmap_area`, until the range is free again."""

    @property
    def areas(self) -> list[VmArea]:
        """All areas in address order."""
        return self.space.areas()

    def area_at(self, address: int) -> VmArea | None:
        """Return the area that contains an address (`find_vm_area`)."""
        return self.space.find(address)

    def is_vmalloc_addr(self, address: int) -> bool:
        """Tell whether an address lies in the window, mapped or not."""
        return is_vmalloc_address(address)

    def vmalloc_to_pfn(self, address: int) -> int:
        """Return the frame behind an address, -1 where nothing is mapped."""
        return self._machine.memory.page_table.get(address >> PAGE_SHIFT, -1)

    # --- mapping what exists ----------------------------------------------------------------

    def vmap(self, pfns: list[int], *, put_pages: bool = False) -> int:
        """Map existing frames side by side; with `put_pages` vfree gives them back."""
        machine = self._machine
        if messages.refuse_in_interrupt(machine):
            return 0
        machine.checks.might_sleep("vmap", None, messages.FILE, 3488)
        if not pfns or self.exceeds_ram(len(pfns)):
            return 0
        self.let_worker_run()
        caller = messages.caller_symbol(machine, "vmap")
        area = self._reserve(len(pfns) << PAGE_SHIFT, 1, VM_MAP, GFP_KERNEL, caller)
        if area is None or not self._show(area, pfns, huge=False):
            return 0
        if put_pages:
            area.flags |= VM_MAP_PUT_PAGES
            area.pfns = list(pfns)
        self.announce(area, tuple(pfns))
        return area.start

    def exceeds_ram(self, pages: int) -> bool:
        """Tell whether vmap() refuses so many pages before it looks at the first one."""
        return pages > self._total_pages()

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
        self.release_descriptor(area)

    def reserve_io(self, size: int, physical: int, caller: str) -> VmArea | None:
        """Reserve an area for `size` bytes of device memory and map it (`ioremap`)."""
        if messages.refuse_in_interrupt(self._machine):
            return None
        self._machine.checks.might_sleep("ioremap", GFP_KERNEL)
        self.let_worker_run()
        order = min(max((size - 1).bit_length(), PAGE_SHIFT), IOREMAP_MAX_ORDER)
        area = self._reserve(size, 1 << order, VM_IOREMAP, GFP_KERNEL, caller)
        if area is None:
            return None
        area.physical = physical
        if not self._show(area, frames_of(physical, size), huge=True):
            return None
        self.announce(area, ())
        return area

    def adopt_area(self, area: VmArea) -> None:
        """Enter an area that boot code set up at a given address (`vm_area_add_early`)."""
        taken = self.space.free.take(area.start, area.end)
        assert taken, "a boot-time area lies on another one"
        self.space.insert(area)
        self.announce(area, tuple(area.pfns))

    def _show(self, area: VmArea, pfns: list[int], *, huge: bool) -> bool:
        """Map frames into a fresh area; on failure the area is gone again."""
        if not self.tables.map_frames(area.start, pfns, huge=huge):
            self._remove(area, announce=False)
            self.release_descriptor(area)
            return False
        area.mapped = len(pfns)
        return True

    def announce(self, area: VmArea, pfns: tuple[int, ...]) -> None:
        """Tell the stream and KASAN of a new area."""
        machine = self._machine
        if machine.events.active:
            machine.events.emit(
                VmAreaCreated(area.start, area.end, area.kind, pfns, area.caller, area.physical)
            )
        kasan = machine.checks.kasan
        if kasan is not None and not area.flags & VM_IOREMAP:
            # The shadow of the guard page is poisoned as well: KASAN speaks before the fault.
            kasan.vmalloc_mapped(area.start, area.requested, area.size)

    # --- taking address space ---------------------------------------------------------------

    def _reserve(
        self,
        size: int,
        align: int,
        flags: int,
        gfp: int,
        caller: str,
        low: int = VMALLOC_START,
        high: int = VMALLOC_END,
    ) -> VmArea | None:
        """Take address space and a descriptor (`__get_vm_area_node`); `size` without guard."""
        machine = self._machine
        size = page_align(size)
        if size == 0:
            return None
        descriptor = machine.kmalloc.kmalloc(DESCRIPTOR_SIZE, gfp & RECLAIM_MASK | ZERO)
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
        if not self._take_node(start, gfp & RECLAIM_MASK):
            self.space.free.give(start, start + size)
            machine.kmalloc.kfree(descriptor)
            return None
        area = VmArea(start, size, requested, flags, caller)
        area.vmap_node = vmap_node
        area.descriptor = descriptor
        self.space.insert(area)
        machine.clock.advance(AREA_COST)
        return area

    def _take_node(self, start: int, gfp: int) -> bool:
        """Allocate the object that stands for a range; one from a pool still has its own.

        What boot itself occupies is among the objects that the cache has from the start.
        """
        machine = self._machine
        cache = machine.slub.find("vmap_area")
        if cache is None or start in self._nodes or machine.phase == "slab":
            return True
        node = machine.slub.alloc(cache, gfp)
        if node:
            self._nodes[start] = node
        return node != 0

    def _total_pages(self) -> int:
        return sum(zone.managed for zone in self._machine.pages.zones)

    # --- giving it back ---------------------------------------------------------------------

    def remove_area(self, address: int) -> VmArea | None:
        """Unmap the area that contains a page-aligned address (`remove_vm_area`)."""
        if address & (PAGE_SIZE - 1):
            messages.warn_bad_address(self._machine, address)
            return None
        area = self.space.find(address)
        if area is not None:
            self._remove(area)
        return area

    def release_descriptor(self, area: VmArea) -> None:
        """Free the descriptor of a removed area."""
        if area.descriptor:
            self._machine.kmalloc.kfree(area.descriptor)
            area.descriptor = 0

    def _remove(self, area: VmArea, *, announce: bool = True) -> None:
        machine = self._machine
        machine.clock.advance(FREE_COST)
        usable = area.usable
        kasan = machine.checks.kasan
        if kasan is not None and not area.flags & VM_IOREMAP:
            kasan.vmalloc_unmapped(area.start, area.size)
        self.tables.unmap(area.start, usable)
        self.space.remove(area)
        if self.space.purge_is_due:
            self.drain_scheduled = True
        if announce and machine.events.active:
            machine.events.emit(VmAreaFreed(area.start, area.end, area.kind))

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
        """Free the frames in array order, then the page array, then the descriptor."""
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
        self.release_descriptor(area)

    # --- purging ----------------------------------------------------------------------------

    def purge(self) -> None:
        """`vm_unmap_aliases`: flush the TLB and make lazily freed space available again."""
        self._purge(full_decay=False)

    def let_worker_run(self) -> None:
        """Run what was left to workers, if the present context lets another task run.

        A kernel with voluntary preemption switches at the next point that may sleep; the
        functions of the window are such points, and a driver that sleeps is another.
        """
        if not self._machine.context.may_sleep:
            return
        while self._deferred_frees:
            self._free_now(self._deferred_frees.pop())
        if self.drain_scheduled:
            self.drains += 1
            self._purge(full_decay=False)

    def _purge(self, *, full_decay: bool) -> None:
        machine = self._machine
        self.drain_scheduled = False
        ranges = self.space.purge(full_decay=full_decay)
        if not ranges:
            return
        machine.clock.advance(TLB_FLUSH_COST)
        self._free_nodes(ranges)
        if machine.events.active:
            machine.events.emit(VmAreasPurged(tuple(ranges)))

    def _free_nodes(self, ranges: list[tuple[int, int]]) -> None:
        """Free the objects of ranges that are part of the free space again."""
        slub = self._machine.slub
        cache = slub.find("vmap_area")
        pooled = {start for start, _ in self.space.pooled_ranges()}
        for start in [start for start, _ in ranges if start not in pooled]:
            node = self._nodes.pop(start, 0)
            if node and cache is not None:
                slub.free(cache, node)
