"""dma_alloc_pages: memory for one device that wants syncs (`kernel/dma/mapping.c`).

The pages are found as dma_alloc_coherent finds them; ownership goes to and fro as with a streaming
mapping, and begins with the CPU (`Documentation/core-api/dma-api.rst`). Sizes are bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SHIFT, get_order, page_align, pfn_to_virt
from kmemquest.kernel.check.oops import warn_once
from kmemquest.kernel.dma.coherent import ALLOC_COST, FILE, ZERO_BYTES_PER_NS, allocate_pages
from kmemquest.kernel.dma.streaming import note_mapping
from kmemquest.kernel.events import DmaSynced, DmaUnmapped
from kmemquest.kernel.gfp import COMP, DMA32_BIT, GFP_DMA_BIT, HIGHMEM

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import Device
    from kmemquest.kernel.machine import Machine

FUNCTION: Final = "__dma_alloc_pages"
KIND: Final = "noncoherent"


def allocate(
    machine: Machine, device: Device, size: int, direction: int, gfp: int
) -> tuple[int, int]:
    """Return (pfn, handle) of get_order(size) zeroed pages, (-1, 0) on failure.

    Zone bits are not ignored here as dma_alloc_coherent does: they are a WARN and a failure.
    """
    if _refused(machine, device, gfp):
        return -1, 0
    machine.clock.advance(ALLOC_COST)
    length = page_align(size)
    pfn = allocate_pages(machine, device, length, gfp)
    if pfn < 0:
        return -1, 0
    machine.memory.fill(pfn_to_virt(pfn), 0, length)
    machine.clock.advance(length // ZERO_BYTES_PER_NS)
    handle = pfn << PAGE_SHIFT
    machine.dma.debug.noncoherent_allocated(device, handle, size, direction)
    note_mapping(machine, device, handle, size, direction, handle, bounced=False, kind=KIND)
    mapping = machine.dma.mappings.find(device, handle)
    if mapping is not None:
        mapping.owner = "cpu"
    if machine.events.active:
        machine.events.emit(DmaSynced(device.name, handle, size, direction, for_cpu=True))
    return pfn, handle


def free(
    machine: Machine, device: Device, size: int, pfn: int, handle: int, direction: int
) -> None:
    """Free get_order(size) pages; how many were taken is not remembered."""
    machine.dma.debug.unmapped(device, handle, size, direction, KIND)
    machine.dma.mappings.remove(device, handle, size)
    if machine.events.active:
        machine.events.emit(DmaUnmapped(device.name, handle, size, direction, machine.site))
    area = machine.dma.cma
    if area is None or not area.release(pfn, page_align(size) >> PAGE_SHIFT):
        machine.pages.free_pages(pfn, get_order(size))


def _refused(machine: Machine, device: Device, gfp: int) -> bool:
    if not device.coherent_dma_mask:
        warn_once(machine, "dma-pages-no-mask", FILE, 689, FUNCTION, kind="dma-no-mask")
        return True
    if gfp & (GFP_DMA_BIT | DMA32_BIT | HIGHMEM):
        warn_once(machine, "dma-pages-zone", FILE, 691, FUNCTION, kind="dma-zone-flag")
        return True
    if gfp & COMP:
        warn_once(machine, "dma-pages-compound", FILE, 693, FUNCTION, kind="dma-compound")
        return True
    return False
