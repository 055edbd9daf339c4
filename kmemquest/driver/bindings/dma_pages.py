"""dma_alloc_pages of `<linux/dma-mapping.h>`: pages that a device shares, with syncs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.dma import find_device
from kmemquest.driver.holdings import gave_back, gave_back_pages, got
from kmemquest.kernel.address import PAGE_SIZE, get_order, page_to_pfn, pfn_to_page, pfn_to_virt
from kmemquest.kernel.dma import noncoherent

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine


@binds("dma_alloc_pages")
def dma_alloc_pages(
    engine: Engine, dev: int, size: int, handle: int, direction: int, flags: int
) -> int:
    device = find_device(engine, dev)
    if device is None:
        return 0
    pfn, bus = noncoherent.allocate(engine.machine, device, size, direction, flags)
    if pfn < 0:
        return 0
    engine.machine.memory.store(handle, 8, bus)
    room = PAGE_SIZE << get_order(size)
    return got(engine, "pages", pfn_to_page(pfn), room, "dma_alloc_pages")


@binds("dma_free_pages")
def dma_free_pages(
    engine: Engine, dev: int, size: int, page: int, handle: int, direction: int
) -> None:
    device = find_device(engine, dev)
    if device is None:
        return
    noncoherent.free(engine.machine, device, size, page_to_pfn(page), handle, direction)
    gave_back_pages(engine, page, get_order(size), "dma_free_pages")
    # Without an IOMMU coherent memory is of the same pages: the wrong function frees it as well.
    gave_back(engine, pfn_to_virt(page_to_pfn(page)), "dma_free_pages", "coherent")
