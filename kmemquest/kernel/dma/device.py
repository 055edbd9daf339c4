"""Devices that do DMA, and the machine's DMA subsystem (`kernel/dma/mapping.c`).

This kernel talks to devices directly (no IOMMU): a bus address is a physical address, and what a
device cannot reach goes through swiotlb. Addresses and sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kmemquest.kernel.address import PAGE_SHIFT
from kmemquest.kernel.dma import coherent, hardware, scatter, streaming
from kmemquest.kernel.dma.constants import (
    DMA_MAPPING_ERROR,
    EIO,
    ENOMEM,
    SIZE_MAX,
    ZONE_DMA_LIMIT,
    dma_bit_mask,
    min_not_zero,
)
from kmemquest.kernel.dma.debug import DmaDebug
from kmemquest.kernel.dma.mapping import MappingBook, StreamingMapping
from kmemquest.kernel.dma.pool import DmaPools
from kmemquest.kernel.dma.swiotlb import MAX_MAPPING, Swiotlb, pool_of
from kmemquest.kernel.events import DmaMaskSet
from kmemquest.kernel.mm.cma import CmaArea, area_of

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine


@dataclass(slots=True)
class Device:
    """A `struct device` as far as DMA sees it.

    `dma_mask` is None for a device without one (a misc device); `address_bits` is what the
    hardware itself can address, None when that is simply its mask.
    """

    name: str
    bus: str
    id: int
    driver: str = ""
    dma_mask: int | None = None
    coherent_dma_mask: int = 0
    bus_dma_limit: int = 0
    min_align_mask: int = 0
    seg_boundary_mask: int = (1 << 64) - 1
    max_segment_size: int = 65536
    address_bits: int | None = None
    node: int | None = None

    @property
    def prefix(self) -> str:
        """What `dev_err` puts before a message: driver (or bus) and device name."""
        return f"{self.driver or self.bus} {self.name}"

    @property
    def reach(self) -> int:
        """The highest bus address the hardware can put on the bus."""
        if self.address_bits is not None:
            return dma_bit_mask(self.address_bits)
        return max(self.dma_mask or 0, self.coherent_dma_mask)

    def capable(self, handle: int, size: int) -> bool:
        """Tell whether streaming DMA reaches [handle, handle + size) (`dma_capable`)."""
        limit = min_not_zero(self.dma_mask or 0, self.bus_dma_limit)
        return handle + size - 1 <= limit


class DmaSubsystem:
    """The DMA API of one machine; the bounce buffers are what boot has reserved."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.devices: dict[int, Device] = {}
        self.mappings = MappingBook()
        self.pools = DmaPools(machine)
        self.debug = DmaDebug(machine)
        self.swiotlb: Swiotlb | None = pool_of(machine)
        if self.swiotlb is not None:
            self.swiotlb.announce()
        self.cma: CmaArea | None = area_of(machine)

    # --- devices and masks ------------------------------------------------------------------

    def device(self, name: str, bus: str = "pci", driver: str = "") -> Device:
        """Create a device; PCI and platform devices start with 32-bit masks, others with none."""
        device = Device(name, bus, len(self.devices) + 1, driver)
        if bus in ("pci", "platform"):
            device.dma_mask = device.coherent_dma_mask = dma_bit_mask(32)
        self.devices[device.id] = device
        return device

    def driver_released(self, device: Device) -> None:
        """A driver was unbound: dma-debug looks for what it left behind."""
        device.driver = ""
        self.debug.device_released(device)

    def supported(self, mask: int) -> bool:
        """Tell whether a mask can be served (`kernel/dma/direct.c:dma_direct_supported`)."""
        if mask >= dma_bit_mask(32):
            return True
        highest = (self._machine.memory.max_pfn - 1) << PAGE_SHIFT
        return mask >= min(highest, ZONE_DMA_LIMIT)

    def set_mask(self, device: Device, mask: int) -> int:
        """`dma_set_mask`: 0 or -EIO; a refused mask changes nothing."""
        result = 0 if device.dma_mask is not None and self.supported(mask) else -EIO
        if not result:
            device.dma_mask = mask
        self._tell_mask(device, mask, result, coherent=False, stream=True)
        return result

    def set_coherent_mask(self, device: Device, mask: int) -> int:
        """`dma_set_coherent_mask`: 0 or -EIO."""
        result = 0 if self.supported(mask) else -EIO
        if not result:
            device.coherent_dma_mask = mask
        self._tell_mask(device, mask, result, coherent=True, stream=False)
        return result

    def set_mask_and_coherent(self, device: Device, mask: int) -> int:
        """`dma_set_mask_and_coherent`: 0 or -EIO."""
        result = 0 if device.dma_mask is not None and self.supported(mask) else -EIO
        if not result:
            device.dma_mask = device.coherent_dma_mask = mask
        self._tell_mask(device, mask, result, coherent=True, stream=True)
        return result

    def required_mask(self, device: Device) -> int:
        """`dma_get_required_mask`: all ones up to the highest RAM address."""
        del device
        return dma_bit_mask(((self._machine.memory.max_pfn - 1) << PAGE_SHIFT).bit_length())

    def addressing_limited(self, device: Device) -> bool:
        """`dma_addressing_limited`: some RAM is out of the device's reach."""
        mask = dma_bit_mask(32) if device.dma_mask is None else device.dma_mask
        return min_not_zero(mask, device.bus_dma_limit) < self.required_mask(device)

    def max_mapping_size(self, device: Device) -> int:
        """`dma_max_mapping_size`: 256 KiB when mappings may bounce, else no limit."""
        pool = self.swiotlb
        if pool is not None and (pool.force or self.addressing_limited(device)):
            return MAX_MAPPING
        return SIZE_MAX

    def _tell_mask(
        self, device: Device, mask: int, result: int, *, coherent: bool, stream: bool
    ) -> None:
        events = self._machine.events
        if events.active:
            events.emit(DmaMaskSet(device.name, mask, coherent, stream, result))

    # --- coherent memory --------------------------------------------------------------------

    def alloc_coherent(self, device: Device, size: int, gfp: int) -> tuple[int, int]:
        """`dma_alloc_coherent`: (CPU address, handle), (0, 0) on failure. Always zeroed."""
        return coherent.allocate(self._machine, device, size, gfp)

    def free_coherent(self, device: Device, size: int, address: int, handle: int) -> None:
        """`dma_free_coherent`: not with interrupts off; frees get_order(size) pages."""
        coherent.free(self._machine, device, size, address, handle)

    # --- streaming mappings -----------------------------------------------------------------

    def map_single(self, device: Device, address: int, size: int, direction: int) -> int:
        """`dma_map_single`: a handle or DMA_MAPPING_ERROR."""
        return streaming.map_single(self._machine, device, address, size, direction)

    def map_page(self, device: Device, pfn: int, offset: int, size: int, direction: int) -> int:
        """`dma_map_page`: a handle or DMA_MAPPING_ERROR."""
        return streaming.map_page(self._machine, device, pfn, offset, size, direction)

    def map_resource(self, device: Device, physical: int, size: int, direction: int) -> int:
        """`dma_map_resource`: device memory of another device."""
        return streaming.map_resource(self._machine, device, physical, size, direction)

    def mapping_error(self, device: Device, handle: int) -> int:
        """`dma_mapping_error`: -ENOMEM for DMA_MAPPING_ERROR, else 0."""
        self.debug.error_checked(device, handle)
        self.mappings.note_checked(device, handle)
        return -ENOMEM if handle == DMA_MAPPING_ERROR else 0

    def unmap_single(self, device: Device, handle: int, size: int, direction: int) -> None:
        """`dma_unmap_single`."""
        streaming.unmap(self._machine, device, handle, size, direction)

    def unmap_page(self, device: Device, handle: int, size: int, direction: int) -> None:
        """`dma_unmap_page`."""
        streaming.unmap(self._machine, device, handle, size, direction)

    def unmap_resource(self, device: Device, handle: int, size: int, direction: int) -> None:
        """`dma_unmap_resource`."""
        streaming.unmap(self._machine, device, handle, size, direction, kind="resource")

    def sync_single_for_cpu(self, device: Device, handle: int, size: int, direction: int) -> None:
        """`dma_sync_single_for_cpu`: the CPU owns the buffer until the next for_device."""
        streaming.sync(self._machine, device, handle, size, direction, for_cpu=True)

    def sync_single_for_device(
        self, device: Device, handle: int, size: int, direction: int
    ) -> None:
        """`dma_sync_single_for_device`: the device owns the buffer again."""
        streaming.sync(self._machine, device, handle, size, direction, for_cpu=False)

    def map_sg(
        self, device: Device, entries: list[tuple[int, int]], direction: int
    ) -> list[tuple[int, int]]:
        """`dma_map_sg`: map (physical, size) pieces; (handle, size) pairs, empty on failure."""
        return scatter.map_sg(self._machine, device, entries, direction)

    def unmap_sg(
        self, device: Device, segments: list[tuple[int, int]], count: int, direction: int
    ) -> None:
        """`dma_unmap_sg`: `count` is the number of entries that were given to map_sg."""
        scatter.unmap_sg(self._machine, device, segments, count, direction)

    def mapping_of(self, physical: int) -> StreamingMapping | None:
        """Return the live mapping that covers a physical address of original memory."""
        return self.mappings.covering(physical)

    # --- pools ------------------------------------------------------------------------------

    def pool_create(
        self, name: str, device: Device | None, size: int, align: int, boundary: int
    ) -> int:
        """`dma_pool_create`: the pool's address, 0 for impossible sizes."""
        return self.pools.create(name, device, size, align, boundary)

    def pool_alloc(self, pool: int, gfp: int) -> tuple[int, int]:
        """`dma_pool_alloc`: (CPU address, handle), (0, 0) on failure."""
        return self.pools.alloc(pool, gfp)

    def pool_zalloc(self, pool: int, gfp: int) -> tuple[int, int]:
        """`dma_pool_zalloc`: a zeroed block."""
        return self.pools.zalloc(pool, gfp)

    def pool_free(self, pool: int, address: int, handle: int) -> None:
        """`dma_pool_free`: no checks at all, as on a kernel without SLUB_DEBUG_ON."""
        self.pools.free(pool, address, handle)

    def pool_destroy(self, pool: int) -> None:
        """`dma_pool_destroy`: says `busy` and leaks the pages if blocks are out."""
        self.pools.destroy(pool)

    # --- the other side ---------------------------------------------------------------------

    def device_write(self, device: Device, handle: int, data: bytes) -> bool:
        """The hardware writes to memory; True when the bytes arrived somewhere."""
        return hardware.write(self._machine, device, handle, data)

    def device_read(self, device: Device, handle: int, size: int) -> bytes:
        """The hardware reads memory; all ones where nothing answers."""
        return hardware.read(self._machine, device, handle, size)
