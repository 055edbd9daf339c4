"""Lines of the boot log that tell about memory, in the kernel's format.

Source: `arch/x86/kernel/e820.c`, `mm/memblock.c`, `mm/mm_init.c`, `mm/page_alloc.c`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.kernel import boot_layout as layout
from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.address import PAGE_SHIFT
from kmemquest.kernel.log import KERN_INFO
from kmemquest.kernel.mm.zone import ZONE_NAMES

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.memblock_regions import RegionArray

ZoneRange = tuple[int, int, int, int, int]
"""(node, zone index, start pfn, end pfn, present pages)."""


def _say(machine: Machine, text: str, level: int = KERN_INFO) -> None:
    machine.log.print(text, level)


def _mem(start: int, end: int) -> str:
    return f"[mem {start:#018x}-{end - 1:#018x}]"


def print_firmware_map(machine: Machine) -> None:
    """Print the e820 map and the last frame."""
    _say(machine, f"Command line: {layout.command_line(machine.spec)}")
    _say(machine, "BIOS-provided physical RAM map:")
    for entry in layout.firmware_map(machine.spec):
        kind = "usable" if entry.usable else "reserved"
        _say(machine, f"BIOS-e820: {_mem(entry.start, entry.end)} {kind}")
    last = machine.memory.max_pfn
    _say(machine, f"last_pfn = {last:#x} max_arch_pfn = 0x400000000")
    if last > layout.FOUR_GIB >> PAGE_SHIFT:
        low = max(end for _, end in layout.usable_ranges(machine.spec) if end <= layout.FOUR_GIB)
        _say(machine, f"last_pfn = {low >> PAGE_SHIFT:#x} max_arch_pfn = 0x400000000")


def print_memblock_dump(machine: Machine) -> None:
    """Print both arrays when memblock=debug is set (`memblock_dump_all`)."""
    memblock = machine.memblock
    if not memblock.debug:
        return
    _say(machine, "MEMBLOCK configuration:")
    memory, reserved = memblock.phys_mem_size(), memblock.reserved_size()
    _say(machine, f" memory size = {memory:#018x} reserved size = {reserved:#018x}")
    for array in (memblock.memory, memblock.reserved):
        _print_array(machine, array)


def _print_array(machine: Machine, array: RegionArray) -> None:
    _say(machine, f" {array.name}.cnt  = {len(array):#x}")
    for index, region in enumerate(array.regions):
        node = f" on node {region.nid}" if region.nid < machine.memblock.max_numnodes else ""
        _say(
            machine,
            f" {array.name}[{index:#x}]\t[{region.base:#018x}-{region.end - 1:#018x}], "
            f"{region.size:#018x} bytes{node} flags: {region.flags:#x}",
        )


def print_ram_disk(machine: Machine) -> None:
    """Print where the initial RAM disk lies, if there is one."""
    start, end = machine.memblock.boot.initrd
    if end > start:
        _say(machine, f"RAMDISK: [mem {start:#010x}-{end - 1:#010x}]")


def print_zone_ranges(machine: Machine, zones: list[ZoneRange]) -> None:
    """Print zones, node ranges and holes (`free_area_init`)."""
    _say(machine, "Zone ranges:")
    for index in (0, 1, 2, 4):
        spans = [(start, end) for _, zone, start, end, _ in zones if zone == index]
        name = f"  {ZONE_NAMES[index]:<8} "
        if spans:
            start = min(span[0] for span in spans) << PAGE_SHIFT
            end = max(span[1] for span in spans) << PAGE_SHIFT
            _say(machine, name + _mem(start, end))
        else:
            _say(machine, name + "empty")
    _say(machine, "Movable zone start for each node")
    _say(machine, "Early memory node ranges")
    ranges = machine.memblock.pfn_ranges()
    for start, end, node in ranges:
        _say(machine, f"  node {node:3d}: {_mem(start << PAGE_SHIFT, end << PAGE_SHIFT)}")
    for node in sorted({nid for _, _, nid in ranges}):
        own = [(start, end) for start, end, nid in ranges if nid == node]
        span = _mem(own[0][0] << PAGE_SHIFT, own[-1][1] << PAGE_SHIFT)
        _say(machine, f"Initmem setup node {node} {span}")


def print_zonelists(machine: Machine) -> None:
    """Print fallback orders and whether pageblocks are sorted by mobility."""
    pages = machine.pages
    for node in pages.nodes:
        order: list[int] = []
        for zone in pages.zonelist(node.id):
            if zone.node not in order:
                order.append(zone.node)
        ids = "".join(f"{nid} " for nid in order)
        _say(machine, f"Fallback order for Node {node.id}: {ids}")
    total = sum(zone.present for zone in pages.zones)
    mobility = "off" if pages.grouping_disabled else "on"
    count = len(pages.nodes)
    _say(
        machine,
        f"Built {count} zonelists, mobility grouping {mobility}.  Total pages: {total}",
    )
    highest = max(zone.index for zone in pages.zones)
    _say(machine, f"Policy zone: {ZONE_NAMES[highest]}")
    alloc = "on" if pages.init_on_alloc else "off"
    free = "on" if pages.init_on_free else "off"
    _say(machine, f"mem auto-init: stack:all(zero), heap alloc:{alloc}, heap free:{free}")


def print_slub(machine: Machine) -> None:
    """Print SLUB's parameters (`kmem_cache_init`)."""
    spec = machine.spec
    nodes = len(machine.pages.nodes)
    objects = spec.option("slab_min_objects", "0")
    _say(
        machine,
        f"SLUB: HWalign=64, Order=0-3, MinObjects={objects}, CPUs={spec.cpus}, Nodes={nodes}",
    )


def print_memory(machine: Machine) -> None:
    """Print what is available (`mem_init_print_info`)."""
    image = layout.kernel_image(machine.spec)
    total = sum(zone.present for zone in machine.pages.zones) * 4
    managed = sum(zone.managed for zone in machine.pages.zones) * 4
    free = machine.pages.nr_free_pages() * 4
    cma = machine.memblock.boot.cma[1] >> 10

    def kib(part: tuple[int, int]) -> int:
        return (part[1] - part[0]) >> 10

    _say(
        machine,
        f"Memory: {free}K/{total}K available ({kib(image.code)}K kernel code, "
        f"{kib(image.data)}K rwdata, {kib(image.rodata)}K rodata, {kib(image.init)}K init, "
        f"{kib(image.bss)}K bss, {total - managed - cma}K reserved, {cma}K cma-reserved)",
    )


def print_freeing(machine: Machine, what: str, size: int) -> None:
    """Print that `size` bytes of init memory are given back (`free_reserved_area`)."""
    _say(machine, f"Freeing {what} memory: {size >> 10}K")


def print_dma_pool(machine: Machine, size: int, mask: int) -> None:
    """Print that a pool for atomic coherent allocations of `size` bytes exists."""
    name = _gfp.format_gfp(mask)
    _say(machine, f"DMA: preallocated {size >> 10} KiB {name} pool for atomic allocations")
