"""The memory that KASAN takes for itself at boot: one byte for eight of the direct map.

Source: `arch/x86/mm/kasan_init_64.c:kasan_init`, `kasan_populate_pud`, `kasan_populate_pmd`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import boot_layout as layout
from kmemquest.kernel.address import PAGE_SIZE, get_order, page_align
from kmemquest.kernel.log import KERN_INFO
from kmemquest.kernel.mm.memblock_map import ALLOC_ACCESSIBLE
from kmemquest.kernel.spec import GIB, MIB

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

SCALE_SHIFT: Final = 3
DEPOT_ENTRIES: Final = 1 << 20
"""KASAN asks for the most there can be (`STACK_BUCKET_NUMBER_ORDER_MAX`)."""
DEPOT_BYTES: Final = DEPOT_ENTRIES * 16
BLOCKS: Final = (GIB, 2 * MIB, PAGE_SIZE)
"""Sizes of the pages that can map the shadow, in bytes."""


def reserve(machine: Machine) -> None:
    """Take the shadow of all mapped RAM from memblock, in the largest pages that fit."""
    for start, end, node in _mapped(machine):
        at, stop = start >> SCALE_SHIFT, page_align(end >> SCALE_SHIFT)
        at -= at % PAGE_SIZE
        while at < stop:
            block = next(size for size in BLOCKS if at % size == 0 and at + size <= stop)
            machine.memblock.alloc_try_nid(
                block, block, layout.MAX_DMA_ADDRESS, ALLOC_ACCESSIBLE, node, "kasan_init"
            )
            at += block
    machine.log.print("kasan: KernelAddressSanitizer initialized", KERN_INFO)


def reserve_stack_depot(machine: Machine) -> None:
    """Take the hash table of saved stacks (`lib/stackdepot.c:stack_depot_early_init`)."""
    for text in (
        "stackdepot: allocating hash table via alloc_large_system_hash",
        f"stackdepot hash table entries: {DEPOT_ENTRIES} (order: {get_order(DEPOT_BYTES)}, "
        f"{DEPOT_BYTES} bytes, linear)",
    ):
        machine.log.print(text, KERN_INFO)
    memblock = machine.memblock
    memblock.alloc(DEPOT_BYTES, memblock.cache_bytes, "alloc_large_system_hash")


def _mapped(machine: Machine) -> list[tuple[int, int, int]]:
    """Return (start, end, node) of the direct map's parts; that below 1 MiB has no hole."""
    ranges = [
        (start * PAGE_SIZE, end * PAGE_SIZE, node)
        for start, end, node in machine.memblock.pfn_ranges()
        if end * PAGE_SIZE > layout.ISA_END
    ]
    if ranges and ranges[0][0] <= layout.ISA_END:
        ranges[0] = (0, *ranges[0][1:])
    return ranges
