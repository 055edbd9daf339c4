"""Streaming mappings: map, sync, unmap (`kernel/dma/direct.h`, `kernel/dma/mapping.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import ADDRESS_MASK, PAGE_OFFSET, PAGE_SHIFT, is_vmalloc_address
from kmemquest.kernel.check.oops import bug, warn_once
from kmemquest.kernel.dma.constants import (
    DMA_BIDIRECTIONAL,
    DMA_FROM_DEVICE,
    DMA_MAPPING_ERROR,
    DMA_NONE,
    DMA_TO_DEVICE,
    START_KERNEL_MAP,
)
from kmemquest.kernel.dma.mapping import StreamingMapping
from kmemquest.kernel.events import DmaMapFailed, DmaMapped, DmaSynced, DmaUnmapped
from kmemquest.kernel.log import KERN_WARNING

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import Device
    from kmemquest.kernel.machine import Machine

MAP_COST: Final = 25
"""Nanoseconds of a mapping that needs no bounce buffer."""
BOUNCE_COST: Final = 250
"""Nanoseconds to find or give back slots; copying comes on top."""


def virtual_to_physical(address: int) -> int:
    """What `virt_to_phys` computes, right only for the direct map and the kernel image."""
    address &= ADDRESS_MASK
    if address >= START_KERNEL_MAP:
        return address - START_KERNEL_MAP
    return (address - PAGE_OFFSET) & ADDRESS_MASK


def map_single(machine: Machine, device: Device, address: int, size: int, direction: int) -> int:
    """Map a buffer of the direct map; vmalloc memory and stacks are refused with a WARN."""
    if is_vmalloc_address(address):
        from kmemquest.kernel.text.dump_stack import symbol

        site = machine.site
        warn_once(
            machine,
            "dma-map-vmalloc",
            "include/linux/dma-mapping.h",
            381,
            symbol(machine, site) if site is not None else "dma_map_single_attrs",
            f"{device.prefix}: rejecting DMA map of vmalloc memory",
            kind="dma-map-vmalloc",
        )
        return _failed(machine, device, size, "vmalloc memory cannot be mapped with dma_map_single")
    machine.dma.debug.single_requested(device, address, size)
    physical = virtual_to_physical(address)
    return map_page(
        machine, device, physical >> PAGE_SHIFT, physical & ((1 << PAGE_SHIFT) - 1), size, direction
    )


def map_page(
    machine: Machine, device: Device, pfn: int, offset: int, size: int, direction: int
) -> int:
    """Map part of a page, or several pages in a row; a handle or DMA_MAPPING_ERROR."""
    if not _checked(machine, device, direction, "dma_map_page_attrs"):
        return _failed(machine, device, size, "the device has no DMA mask")
    physical = (pfn << PAGE_SHIFT) + offset
    handle, bounced = map_direct(machine, device, physical, size)
    if handle == DMA_MAPPING_ERROR:
        return handle
    machine.dma.debug.page_mapped(device, physical, handle, size, direction)
    note_mapping(machine, device, physical, size, direction, handle, bounced, "single")
    return handle


def map_resource(machine: Machine, device: Device, physical: int, size: int, direction: int) -> int:
    """Map device memory: never bounced (`dma_direct_map_resource`)."""
    if not _checked(machine, device, direction, "dma_map_resource"):
        return _failed(machine, device, size, "the device has no DMA mask")
    if machine.memblock.is_memory(physical):
        warn_once(machine, "dma-map-resource-ram", "kernel/dma/mapping.c", 334, "dma_map_resource")
        return _failed(machine, device, size, "RAM cannot be mapped with dma_map_resource")
    if not device.capable(physical, size):
        warn_overflow(machine, device, "DMA addr", physical, size, "kernel/dma/direct.c", 512)
        return _failed(machine, device, size, "beyond the device's mask")
    machine.dma.debug.resource_mapped(device, physical, size, direction)
    note_mapping(machine, device, physical, size, direction, physical, False, "resource")
    return physical


def map_direct(machine: Machine, device: Device, physical: int, size: int) -> tuple[int, bool]:
    """Find the bus address: the memory itself, or a bounce slot (handle, bounced)."""
    machine.clock.advance(MAP_COST)
    pool = machine.dma.swiotlb
    if pool is not None and pool.force:
        return _bounce(machine, device, physical, size), True
    if device.capable(physical, size):
        return physical, False
    if pool is not None:
        return _bounce(machine, device, physical, size), True
    warn_overflow(machine, device, "DMA addr", physical, size, "kernel/dma/direct.h", 104)
    return _failed(machine, device, size, "beyond the device's mask and there is no swiotlb"), False


def _bounce(machine: Machine, device: Device, physical: int, size: int) -> int:
    """Map through swiotlb (`kernel/dma/swiotlb.c:swiotlb_map`)."""
    pool = machine.dma.swiotlb
    assert pool is not None
    machine.clock.advance(BOUNCE_COST)
    address = pool.take(device, physical, size)
    if address is None:
        machine.log.print(
            f"{device.prefix}: swiotlb buffer is full (sz: {size} bytes), "
            f"total {pool.slots} (slots), used {pool.used} (slots)",
            KERN_WARNING,
        )
        return _failed(machine, device, size, "no run of free swiotlb slots is long enough")
    # The slots always begin as a copy, so that a device which writes only part of them does not
    # hand out other data in the rest.
    pool.bounce(device, address, size, to_slot=True)
    if not device.capable(address, size):
        pool.release(address)
        warn_overflow(
            machine,
            device,
            "swiotlb addr",
            address,
            size,
            "kernel/dma/swiotlb.c",
            1611,
            "swiotlb_map+0x195/0x1a0",
        )
        return _failed(machine, device, size, "the bounce buffers lie beyond the device's mask")
    return address


def unmap(
    machine: Machine, device: Device, handle: int, size: int, direction: int, kind: str = "single"
) -> None:
    """End a mapping; a bounced buffer gets what the device wrote, if the direction says so."""
    if direction == DMA_NONE or not 0 <= direction <= DMA_NONE:
        bug(machine, "kernel/dma/mapping.c", 177, "dma_unmap_page_attrs", kind="dma-direction")
        return
    machine.clock.advance(MAP_COST)
    unmap_direct(machine, device, handle, size, direction)
    machine.dma.debug.unmapped(device, handle, size, direction, kind)
    machine.dma.mappings.remove(device, handle, size)
    if machine.events.active:
        machine.events.emit(DmaUnmapped(device.name, handle, size, direction, machine.site))


def unmap_direct(machine: Machine, device: Device, handle: int, size: int, direction: int) -> None:
    """Copy back and give slots back where the handle is one of swiotlb's."""
    pool = machine.dma.swiotlb
    if pool is None or not pool.contains(handle):
        return
    machine.clock.advance(BOUNCE_COST)
    if direction in (DMA_FROM_DEVICE, DMA_BIDIRECTIONAL):
        pool.bounce(device, handle, size, to_slot=False)
    pool.release(handle)


def sync(
    machine: Machine, device: Device, handle: int, size: int, direction: int, *, for_cpu: bool
) -> None:
    """Hand a mapping to the CPU or back to the device; copies only for a bounced buffer."""
    if direction == DMA_NONE or not 0 <= direction <= DMA_NONE:
        bug(machine, "kernel/dma/mapping.c", 358, "__dma_sync_single_for_cpu", kind="dma-direction")
        return
    machine.clock.advance(MAP_COST)
    sync_direct(machine, device, handle, size, direction, for_cpu=for_cpu)
    machine.dma.debug.synced(device, handle, size, direction, for_cpu=for_cpu)
    mapping = machine.dma.mappings.find(device, handle)
    if mapping is not None:
        mapping.owner = "cpu" if for_cpu else "device"
    if machine.events.active:
        machine.events.emit(DmaSynced(device.name, handle, size, direction, for_cpu))


def sync_direct(
    machine: Machine, device: Device, handle: int, size: int, direction: int, *, for_cpu: bool
) -> None:
    """Copy between slot and original in the direction that the transfer has."""
    pool = machine.dma.swiotlb
    if pool is None or not pool.contains(handle):
        return
    if for_cpu and direction in (DMA_FROM_DEVICE, DMA_BIDIRECTIONAL):
        pool.bounce(device, handle, size, to_slot=False)
    elif not for_cpu and direction in (DMA_TO_DEVICE, DMA_BIDIRECTIONAL):
        pool.bounce(device, handle, size, to_slot=True)


def note_mapping(
    machine: Machine,
    device: Device,
    physical: int,
    size: int,
    direction: int,
    handle: int,
    bounced: bool,
    kind: str,
) -> None:
    """Enter a mapping into the book and tell the stream."""
    site = machine.site
    machine.dma.mappings.add(
        StreamingMapping(device.id, handle, physical, size, direction, bounced, kind, site)
    )
    if machine.events.active:
        machine.events.emit(
            DmaMapped(device.name, handle, physical, size, direction, bounced, site)
        )


def warn_overflow(
    machine: Machine,
    device: Device,
    what: str,
    handle: int,
    size: int,
    file: str,
    line: int,
    function: str = "dma_map_page_attrs",
) -> None:
    """An address lies beyond the mask (dev_WARN_ONCE)."""
    warn_once(
        machine,
        f"dma-overflow {what}",
        file,
        line,
        function,
        f"{device.prefix}: {what} {handle:#018x}+{size} overflow "
        f"(mask {device.dma_mask or 0:x}, bus limit {device.bus_dma_limit:x}).",
        kind="dma-overflow",
    )


def _checked(machine: Machine, device: Device, direction: int, function: str) -> bool:
    if direction == DMA_NONE or not 0 <= direction <= DMA_NONE:
        bug(machine, "kernel/dma/mapping.c", 156, function, kind="dma-direction")
        return False
    if device.dma_mask is None:
        warn_once(machine, "dma-no-mask", "kernel/dma/mapping.c", 158, function, kind="dma-no-mask")
        return False
    return True


def _failed(machine: Machine, device: Device, size: int, reason: str) -> int:
    if machine.events.active:
        machine.events.emit(DmaMapFailed(device.name, size, reason, machine.site))
    return DMA_MAPPING_ERROR
