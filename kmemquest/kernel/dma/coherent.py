"""dma_alloc_coherent without an IOMMU (`kernel/dma/direct.c:dma_direct_alloc`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, get_order, page_align, pfn_to_virt
from kmemquest.kernel.check.oops import warn, warn_once
from kmemquest.kernel.dma.constants import ZONE_DMA_LIMIT, dma_bit_mask, min_not_zero
from kmemquest.kernel.events import CoherentAllocated, CoherentFreed
from kmemquest.kernel.gfp import COMP, DMA32_BIT, GFP_DMA_BIT, HIGHMEM, NOWARN, allows_blocking

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import Device
    from kmemquest.kernel.machine import Machine

FILE: Final = "kernel/dma/mapping.c"
ALLOC_COST: Final = 40
"""Nanoseconds besides the page allocator and zeroing."""
ZERO_BYTES_PER_NS: Final = 10


def allocate(machine: Machine, device: Device, size: int, gfp: int) -> tuple[int, int]:
    """Allocate zeroed memory that device and CPU share; (0, 0) on failure."""
    if not device.coherent_dma_mask:
        warn_once(
            machine,
            "dma-no-coherent-mask",
            FILE,
            598,
            "dma_alloc_attrs+0x1a/0x30",
            kind="dma-no-mask",
        )
    if gfp & COMP:
        warn_once(
            machine, "dma-compound", FILE, 605, "dma_alloc_attrs+0x24/0x30", kind="dma-compound"
        )
        return 0, 0
    gfp &= ~(GFP_DMA_BIT | DMA32_BIT | HIGHMEM)
    machine.clock.advance(ALLOC_COST)
    length = page_align(size)
    pfn = allocate_pages(machine, device, length, gfp)
    if pfn < 0:
        return 0, 0
    address = pfn_to_virt(pfn)
    machine.memory.fill(address, 0, length)
    machine.clock.advance(length // ZERO_BYTES_PER_NS)
    handle = pfn << PAGE_SHIFT
    machine.dma.debug.coherent_allocated(device, handle, size)
    if machine.events.active:
        machine.events.emit(
            CoherentAllocated(
                device.name,
                address,
                handle,
                size,
                pfn,
                get_order(length),
                machine.pages.zone_of(pfn).name,
                machine.site,
            )
        )
    return address, handle


def free(machine: Machine, device: Device, size: int, address: int, handle: int) -> None:
    """Free the pages behind `handle`; how many follows from `size` alone."""
    if machine.context.irqs_disabled:
        warn(machine, FILE, 665, "dma_free_attrs+0x5c/0x70", kind="dma-free-irqs-off")
    if not address:
        return
    machine.dma.debug.coherent_freed(device, handle, address, size)
    if machine.events.active:
        machine.events.emit(CoherentFreed(device.name, address, handle, size, machine.site))
    area = machine.dma.cma
    if area is None or not area.release(handle >> PAGE_SHIFT, page_align(size) >> PAGE_SHIFT):
        machine.pages.free_pages(handle >> PAGE_SHIFT, get_order(size))


def allocate_pages(machine: Machine, device: Device, length: int, gfp: int) -> int:
    """Take a block below the coherent mask, trying lower zones as needed."""
    limit = min_not_zero(device.coherent_dma_mask, device.bus_dma_limit)
    zone = _zone_flag(limit)
    order = get_order(length)
    pages = machine.pages
    area = machine.dma.cma
    if area is not None and length > PAGE_SIZE and allows_blocking(gfp):
        pfn = area.alloc(length >> PAGE_SHIFT, order, quiet=bool(gfp & NOWARN))
        if pfn >= 0 and (pfn << PAGE_SHIFT) + length - 1 <= limit:
            return pfn
        if pfn >= 0:
            area.release(pfn, length >> PAGE_SHIFT)
    while True:
        pfn = pages.alloc_pages(gfp | zone, order, device.node)
        if pfn < 0:
            return -1
        if (pfn << PAGE_SHIFT) + length - 1 <= limit:
            return pfn
        pages.free_pages(pfn, order)
        if not zone and limit < dma_bit_mask(64):
            zone = DMA32_BIT
        elif zone != GFP_DMA_BIT:
            zone = GFP_DMA_BIT
        else:
            return -1


def _zone_flag(limit: int) -> int:
    """Return the zone to begin with (`dma_direct_optimal_gfp_mask`)."""
    if limit <= ZONE_DMA_LIMIT:
        return GFP_DMA_BIT
    if limit <= dma_bit_mask(32):
        return DMA32_BIT
    return 0
