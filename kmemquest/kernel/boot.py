"""Booting: from the firmware's memory map to a running system with an idle shell.

`start_memblock` does what `setup_arch` does and stops where early driver code may use memblock;
`hand_over` goes on through `mm_core_init` and the initcalls. Source: `init/main.c`,
`arch/x86/kernel/setup.c`, `mm/mm_init.c`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import boot_layout as layout
from kmemquest.kernel import boot_memblock as steps
from kmemquest.kernel.address import PAGE_SHIFT, pages_for
from kmemquest.kernel.context import Task
from kmemquest.kernel.memory import Memory
from kmemquest.kernel.mm.memblock import Memblock
from kmemquest.kernel.mm.zone import PAGEBLOCK_ORDER, PAGEBLOCK_PAGES, UNMOVABLE
from kmemquest.kernel.text import boot_lines

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

DMA_LIMIT_PFN: Final = layout.MAX_DMA_ADDRESS >> PAGE_SHIFT
DMA32_LIMIT_PFN: Final = layout.FOUR_GIB >> PAGE_SHIFT
ZONE_BORDERS: Final = (0, DMA_LIMIT_PFN, DMA32_LIMIT_PFN, 1 << 52)
"""First pfn of zones DMA, DMA32, Normal, and the end of the last."""


def start_memblock(machine: Machine) -> None:
    """Take over the firmware's memory map: everything `setup_arch` does with memblock."""
    spec = machine.spec
    memblock = machine.memblock = Memblock(machine)
    ranges = layout.usable_ranges(spec)
    machine.memory = Memory(machine, max(end for _, end in ranges) >> PAGE_SHIFT)
    memblock.boot.initrd = layout.initrd_range(spec)
    boot_lines.print_firmware_map(machine)
    steps.reserve_early(memblock, spec)
    steps.add_firmware_map(memblock, spec)
    boot_lines.print_memblock_dump(machine)
    steps.map_direct(memblock)
    boot_lines.print_ram_disk(machine)
    steps.reserve_acpi(memblock, spec)
    steps.set_up_nodes(memblock, spec)
    boot_lines.print_memblock_dump(machine)
    machine.enter_phase("memblock")


def hand_over(machine: Machine, initcalls: Callable[[], None] | None = None) -> None:
    """Go on from memblock to a running system.

    `initcalls` are those of built-in drivers: what lies in init memory exists until they are done.
    They run on the settled system, later than on a real one.
    """
    if machine.phase != "memblock":
        raise ValueError("the machine has been handed over already")
    finish_memblock(machine)
    start_page_allocator(machine)
    start_allocators(machine)
    start_late(machine, keep_init=initcalls is not None)
    if initcalls is not None:
        from kmemquest.kernel import boot_late
        from kmemquest.kernel.machine import Fate

        initcalls()
        if machine.fate is Fate.RUNNING:
            boot_late.free_init_memory(machine)


def finish_memblock(machine: Machine) -> None:
    """Let the kernel take its boot-time tables, in the order it does."""
    from kmemquest.kernel.check import kasan_shadow
    from kmemquest.kernel.mm import cma

    cma.reserve(machine)
    steps.allocate_memmap(machine)
    boot_lines.print_zone_ranges(machine, zone_ranges(machine))
    if machine.checks.kasan is not None:
        kasan_shadow.reserve(machine)
    steps.allocate_tables(machine)
    steps.allocate_percpu(machine)
    steps.allocate_hash_tables(machine)


def zone_ranges(machine: Machine) -> list[tuple[int, int, int, int, int]]:
    """Return (node, zone index, start pfn, end pfn, present pages) for every populated zone."""
    zones = []
    ranges = machine.memblock.pfn_ranges()
    lowest = min(start for start, _, _ in ranges)
    highest = max(end for _, end, _ in ranges)
    for node in sorted({nid for _, _, nid in ranges}):
        own = [(start, end) for start, end, nid in ranges if nid == node]
        node_start, node_end = own[0][0], max(end for _, end in own)
        for index in range(3):
            start = max(node_start, ZONE_BORDERS[index], lowest)
            end = min(node_end, ZONE_BORDERS[index + 1], highest)
            present = sum(max(0, min(high, end) - max(low, start)) for low, high in own)
            if present:
                zones.append((node, index, start, end, present))
    return zones


def unset_pageblocks(machine: Machine) -> list[int]:
    """Return the pageblocks that keep type 0, Unmovable, instead of becoming Movable.

    The type is set together with a pageblock's first struct page (`memmap_init_range`), so it
    never is where RAM begins inside a pageblock, as it does at pfn 1 of every PC.
    """
    ranges = machine.memblock.pfn_ranges()
    heads = {start >> PAGEBLOCK_ORDER for start, _, _ in ranges if start % PAGEBLOCK_PAGES}
    firsts = [block << PAGEBLOCK_ORDER for block in sorted(heads)]
    covered = {p for p in firsts if any(start <= p < end for start, end, _ in ranges)}
    return [pfn >> PAGEBLOCK_ORDER for pfn in firsts if pfn not in covered]


def start_page_allocator(machine: Machine) -> None:
    """Build zones and zonelists and hand all free memory over (`mm_core_init`)."""
    from kmemquest.kernel.check import kasan_shadow
    from kmemquest.kernel.mm.page_alloc import PageAllocator

    pages = machine.pages = PageAllocator(machine)
    for node, index, start, end, present in zone_ranges(machine):
        pages.add_zone(node, index, start, end, present)
    for block in unset_pageblocks(machine):
        pages.pageblocks[block] = UNMOVABLE
    pages.build_zonelists()
    boot_lines.print_zonelists(machine)
    if machine.checks.kasan is not None:
        kasan_shadow.reserve_stack_depot(machine)
    steps.allocate_swiotlb(machine)
    machine.enter_phase("buddy")
    for start, end, _ in list(machine.memblock.free_ranges()):
        first, last = pages_for(start), end >> PAGE_SHIFT
        if first < last:
            pages.free_range(first, last)


def start_allocators(machine: Machine) -> None:
    """Start everything that stands on the page allocator, and reclaim."""
    from kmemquest.kernel.dma.device import DmaSubsystem
    from kmemquest.kernel.mm.ioremap import IoRemap
    from kmemquest.kernel.mm.kmalloc import Kmalloc
    from kmemquest.kernel.mm.mempool import Mempools
    from kmemquest.kernel.mm.percpu import PercpuAllocator
    from kmemquest.kernel.mm.reclaim import Reclaim
    from kmemquest.kernel.mm.slub import SlabAllocator
    from kmemquest.kernel.mm.vmalloc import VmallocSpace

    machine.reclaim = Reclaim(machine)
    machine.slub = SlabAllocator(machine)
    machine.kmalloc = Kmalloc(machine)
    machine.enter_phase("slab")
    boot_lines.print_slub(machine)
    machine.vmalloc = VmallocSpace(machine)
    machine.ioremap = IoRemap(machine)
    machine.percpu = PercpuAllocator(machine)
    machine.mempools = Mempools(machine)
    machine.dma = DmaSubsystem(machine)
    machine.enter_phase("vmalloc")
    machine.pages.enable_pcp()


def start_late(machine: Machine, *, keep_init: bool = False) -> None:
    """Run the kernel's own initcalls, free the init memory, start user space and let time pass."""
    from kmemquest.kernel import boot_late

    machine.enter_phase("late")
    boot_late.set_watermarks(machine)
    boot_late.start_kernel_services(machine)
    if not keep_init:
        boot_late.free_init_memory(machine)
    boot_late.start_processes(machine)
    boot_late.settle(machine)
    machine.context.task = Task(pid=boot_late.SHELL_PID, comm="sh")
    machine.enter_phase("running")
