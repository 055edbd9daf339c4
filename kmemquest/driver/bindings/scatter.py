"""Scatter-gather in `<linux/dma-mapping.h>`: many pieces, one transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.dma import find_device
from kmemquest.driver.holdings import gave_back
from kmemquest.kernel.address import PAGE_SHIFT, page_to_pfn
from kmemquest.kernel.dma.scatter import sync_sg

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine


def _field(engine: Engine, entry: int, name: str) -> int:
    offset, size = abi.SCATTERLIST[name]
    return engine.machine.memory.load(entry + offset, size)


def _pieces(engine: Engine, table: int, count: int) -> list[tuple[int, int]]:
    """Return (physical, bytes) of the entries."""
    pieces = []
    for entry in range(table, table + count * abi.SCATTERLIST_SIZE, abi.SCATTERLIST_SIZE):
        frame = page_to_pfn(_field(engine, entry, "page_link") & ~3)
        place = (frame << PAGE_SHIFT) + _field(engine, entry, "offset")
        pieces.append((place, _field(engine, entry, "length")))
    return pieces


def _segments(engine: Engine, table: int, count: int) -> list[tuple[int, int]]:
    """Return (bus address, bytes) of the mapped entries."""
    entries = range(table, table + count * abi.SCATTERLIST_SIZE, abi.SCATTERLIST_SIZE)
    return [
        (_field(engine, entry, "dma_address"), _field(engine, entry, "dma_length"))
        for entry in entries
    ]


@binds("dma_map_sg")
def dma_map_sg(engine: Engine, dev: int, table: int, count: int, direction: int) -> int:
    """Return how many entries were mapped: all, or 0."""
    machine = engine.machine
    device = find_device(engine, dev)
    if device is None:
        return 0
    mapped = machine.dma.map_sg(device, _pieces(engine, table, count), direction)
    for index, (handle, size) in enumerate(mapped):
        entry = table + index * abi.SCATTERLIST_SIZE
        for name, value in (("dma_address", handle), ("dma_length", size)):
            offset, width = abi.SCATTERLIST[name]
            machine.memory.store(entry + offset, width, value)
        machine.checks.ledger.acquired("dma-mapping", handle, size, "dma_map_sg")
    return len(mapped)


@binds("dma_unmap_sg")
def dma_unmap_sg(engine: Engine, dev: int, table: int, count: int, direction: int) -> None:
    device = find_device(engine, dev)
    if device is None:
        return
    segments = _segments(engine, table, count)
    engine.machine.dma.unmap_sg(device, segments, count, direction)
    for handle, _ in segments:
        gave_back(engine, handle, "dma_unmap_sg", "dma-mapping")


@binds("dma_sync_sg_for_cpu")
def dma_sync_sg_for_cpu(engine: Engine, dev: int, table: int, count: int, direction: int) -> None:
    _sync(engine, dev, table, count, direction, for_cpu=True)


@binds("dma_sync_sg_for_device")
def dma_sync_sg_for_device(
    engine: Engine, dev: int, table: int, count: int, direction: int
) -> None:
    _sync(engine, dev, table, count, direction, for_cpu=False)


def _sync(
    engine: Engine, dev: int, table: int, count: int, direction: int, *, for_cpu: bool
) -> None:
    device = find_device(engine, dev)
    if device is not None:
        segments = _segments(engine, table, count)
        sync_sg(engine.machine, device, segments, direction, for_cpu=for_cpu)
