"""`<linux/dma-mapping.h>` and `<linux/dmapool.h>`: memory shared with a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.devices import Managed, world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.kernel.address import PAGE_SHIFT, page_to_pfn
from kmemquest.kernel.check.oops import warn

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine
    from kmemquest.kernel.dma.device import Device

MAPPING_ERROR = (1 << 64) - 1
EIO = 5


def find_device(engine: Engine, dev: int) -> Device | None:
    """Return the DMA side of a `struct device`; NULL and wild pointers fault, as they would."""
    known = world_of(engine).by_dev.get(dev)
    if known is not None and known.dma is not None:
        _read_masks(engine, dev, known.dma)
        return known.dma
    field, size = abi.DEVICE["coherent_dma_mask"]
    engine.machine.memory.load(dev + field, size)
    return None


def _read_masks(engine: Engine, dev: int, device: Device) -> None:
    """Take the masks over from the struct: a driver may write its fields without asking."""
    machine = engine.machine
    device.coherent_dma_mask = abi.get(machine, dev, abi.DEVICE, "coherent_dma_mask")
    place = abi.get(machine, dev, abi.DEVICE, "dma_mask")
    if not place:
        device.dma_mask = None
    elif device.dma_mask is not None:
        device.dma_mask = int.from_bytes(machine.memory.peek(place, 8), "little")


@binds("dma_set_mask")
def dma_set_mask(engine: Engine, dev: int, mask: int) -> int:
    device = find_device(engine, dev)
    if device is None:
        return -EIO
    result = engine.machine.dma.set_mask(device, mask)
    _show_masks(engine, dev, device)
    return result


@binds("dma_set_coherent_mask")
def dma_set_coherent_mask(engine: Engine, dev: int, mask: int) -> int:
    device = find_device(engine, dev)
    if device is None:
        return -EIO
    result = engine.machine.dma.set_coherent_mask(device, mask)
    _show_masks(engine, dev, device)
    return result


@binds("dma_set_mask_and_coherent")
def dma_set_mask_and_coherent(engine: Engine, dev: int, mask: int) -> int:
    device = find_device(engine, dev)
    if device is None:
        return -EIO
    result = engine.machine.dma.set_mask_and_coherent(device, mask)
    _show_masks(engine, dev, device)
    return result


def _show_masks(engine: Engine, dev: int, device: Device) -> None:
    """Let driver code that reads the struct's own fields see the masks."""
    machine = engine.machine
    abi.put(machine, dev, abi.DEVICE, "coherent_dma_mask", device.coherent_dma_mask)
    place = abi.get(machine, dev, abi.DEVICE, "dma_mask")
    if place and device.dma_mask is not None:
        machine.memory.poke(place, device.dma_mask.to_bytes(8, "little"))


@binds("dma_get_mask")
def dma_get_mask(engine: Engine, dev: int) -> int:
    device = find_device(engine, dev)
    return 0 if device is None else device.dma_mask or 0xFFFF_FFFF


@binds("dma_get_required_mask")
def dma_get_required_mask(engine: Engine, dev: int) -> int:
    device = find_device(engine, dev)
    return 0 if device is None else engine.machine.dma.required_mask(device)


@binds("dma_max_mapping_size")
def dma_max_mapping_size(engine: Engine, dev: int) -> int:
    device = find_device(engine, dev)
    return 0 if device is None else engine.machine.dma.max_mapping_size(device)


# --- coherent -----------------------------------------------------------------------------


@binds("dma_alloc_coherent")
def dma_alloc_coherent(engine: Engine, dev: int, size: int, handle: int, flags: int) -> int:
    address, bus = _coherent(engine, dev, size, handle, flags)
    del bus
    return got(engine, "coherent", address, size, "dma_alloc_coherent")


@binds("dmam_alloc_coherent")
def dmam_alloc_coherent(engine: Engine, dev: int, size: int, handle: int, flags: int) -> int:
    address, bus = _coherent(engine, dev, size, handle, flags)
    known = world_of(engine).by_dev.get(dev)
    if address and known is not None and known.dma is not None:
        dma = known.dma

        def give_back() -> None:
            engine.machine.dma.free_coherent(dma, size, address, bus)

        entry = Managed(address, give_back, "dmam_alloc_coherent", size, bus)
        known.managed.append(entry)
    return address


def _coherent(engine: Engine, dev: int, size: int, handle: int, flags: int) -> tuple[int, int]:
    device = find_device(engine, dev)
    if device is None:
        return 0, 0
    address, bus = engine.machine.dma.alloc_coherent(device, size, flags)
    if address:
        engine.machine.memory.store(handle, 8, bus)
    return address, bus


@binds("dma_free_coherent")
def dma_free_coherent(engine: Engine, dev: int, size: int, address: int, handle: int) -> None:
    device = find_device(engine, dev)
    if device is None:
        return
    engine.machine.dma.free_coherent(device, size, address, handle)
    gave_back(engine, address, "dma_free_coherent", "coherent")


@binds("dmam_free_coherent")
def dmam_free_coherent(engine: Engine, dev: int, size: int, address: int, handle: int) -> None:
    """Take the buffer off the device's list and free it; one that is not there is a WARN.

    So is one with another size or bus address (`kernel/dma/mapping.c:dmam_match`).
    """
    device = find_device(engine, dev)
    if device is None:
        return
    known = world_of(engine).by_dev[dev]
    buffers = [entry for entry in known.managed if entry.made_by == "dmam_alloc_coherent"]
    found = next((entry for entry in reversed(buffers) if entry.address == address), None)
    if found is None:
        warn(engine.machine, "kernel/dma/mapping.c", 75, "dmam_free_coherent+0x7b/0x90")
    else:
        if (found.size, found.bus) != (size, handle):
            warn(engine.machine, "kernel/dma/mapping.c", 54, "dmam_match+0x2a/0x40")
        known.managed.remove(found)
    engine.machine.dma.free_coherent(device, size, address, handle)


# --- streaming ----------------------------------------------------------------------------


@binds("dma_map_single")
def dma_map_single(engine: Engine, dev: int, address: int, size: int, direction: int) -> int:
    device = find_device(engine, dev)
    if device is None:
        return MAPPING_ERROR
    handle = engine.machine.dma.map_single(device, address, size, direction)
    return _mapped(engine, handle, size, "dma_map_single")


@binds("dma_map_page")
def dma_map_page(
    engine: Engine, dev: int, page: int, offset: int, size: int, direction: int
) -> int:
    device = find_device(engine, dev)
    if device is None:
        return MAPPING_ERROR
    pfn = page_to_pfn(page) + (offset >> PAGE_SHIFT)
    handle = engine.machine.dma.map_page(device, pfn, offset & 4095, size, direction)
    return _mapped(engine, handle, size, "dma_map_page")


def _mapped(engine: Engine, handle: int, size: int, function: str) -> int:
    if handle != MAPPING_ERROR:
        engine.machine.checks.ledger.acquired("dma-mapping", handle, size, function)
    return handle


@binds("dma_unmap_single")
def dma_unmap_single(engine: Engine, dev: int, handle: int, size: int, direction: int) -> None:
    device = find_device(engine, dev)
    if device is not None:
        engine.machine.dma.unmap_single(device, handle, size, direction)
        gave_back(engine, handle, "dma_unmap_single", "dma-mapping")


@binds("dma_unmap_page")
def dma_unmap_page(engine: Engine, dev: int, handle: int, size: int, direction: int) -> None:
    device = find_device(engine, dev)
    if device is not None:
        engine.machine.dma.unmap_page(device, handle, size, direction)
        gave_back(engine, handle, "dma_unmap_page", "dma-mapping")


@binds("dma_mapping_error")
def dma_mapping_error(engine: Engine, dev: int, handle: int) -> int:
    device = find_device(engine, dev)
    return -12 if device is None else engine.machine.dma.mapping_error(device, handle)


@binds("dma_sync_single_for_cpu")
def dma_sync_single_for_cpu(
    engine: Engine, dev: int, handle: int, size: int, direction: int
) -> None:
    device = find_device(engine, dev)
    if device is not None:
        engine.machine.dma.sync_single_for_cpu(device, handle, size, direction)


@binds("dma_sync_single_for_device")
def dma_sync_single_for_device(
    engine: Engine, dev: int, handle: int, size: int, direction: int
) -> None:
    device = find_device(engine, dev)
    if device is not None:
        engine.machine.dma.sync_single_for_device(device, handle, size, direction)


# --- pools --------------------------------------------------------------------------------


@binds("dma_pool_create")
def dma_pool_create(
    engine: Engine, name: int, dev: int, size: int, align: int, boundary: int
) -> int:
    device = find_device(engine, dev)
    if device is None:
        return 0
    text = abi.get_text(engine.machine, name)
    pool = engine.machine.dma.pool_create(text, device, size, align, boundary)
    return got(engine, "dma-pool", pool, size, "dma_pool_create")


@binds("dma_pool_destroy")
def dma_pool_destroy(engine: Engine, pool: int) -> None:
    engine.machine.dma.pool_destroy(pool)
    gave_back(engine, pool, "dma_pool_destroy", "dma-pool")


@binds("dma_pool_alloc")
def dma_pool_alloc(engine: Engine, pool: int, flags: int, handle: int) -> int:
    address, bus = engine.machine.dma.pool_alloc(pool, flags)
    return _pool_block(engine, address, bus, handle, "dma_pool_alloc")


@binds("dma_pool_zalloc")
def dma_pool_zalloc(engine: Engine, pool: int, flags: int, handle: int) -> int:
    address, bus = engine.machine.dma.pool_zalloc(pool, flags)
    return _pool_block(engine, address, bus, handle, "dma_pool_zalloc")


def _pool_block(engine: Engine, address: int, bus: int, handle: int, function: str) -> int:
    if address:
        engine.machine.memory.store(handle, 8, bus)
    return got(engine, "dma-pool-block", address, 0, function)


@binds("dma_pool_free")
def dma_pool_free(engine: Engine, pool: int, address: int, handle: int) -> None:
    engine.machine.dma.pool_free(pool, address, handle)
    gave_back(engine, address, "dma_pool_free", "dma-pool-block")
