"""Scatter-gather: each piece is mapped by itself (`kernel/dma/direct.c:dma_direct_map_sg`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.kernel.dma.constants import DMA_MAPPING_ERROR
from kmemquest.kernel.dma.streaming import map_direct, note_mapping, sync_direct, unmap_direct
from kmemquest.kernel.events import DmaSynced, DmaUnmapped

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import Device
    from kmemquest.kernel.machine import Machine


def map_sg(
    machine: Machine, device: Device, entries: list[tuple[int, int]], direction: int
) -> list[tuple[int, int]]:
    """Map (physical, size) pieces; (handle, size) pairs in order, empty when one failed."""
    done: list[tuple[int, int, int, bool]] = []
    for physical, size in entries:
        handle, bounced = map_direct(machine, device, physical, size)
        if handle == DMA_MAPPING_ERROR:
            for earlier, length, _, _ in done:
                unmap_direct(machine, device, earlier, length, direction)
            return []
        done.append((handle, size, physical, bounced))
    machine.dma.debug.sg_mapped(
        device, [(physical, handle, size) for handle, size, physical, _ in done], direction
    )
    for handle, size, physical, bounced in done:
        note_mapping(machine, device, physical, size, direction, handle, bounced, "scatter-gather")
    return [(handle, size) for handle, size, _, _ in done]


def unmap_sg(
    machine: Machine, device: Device, segments: list[tuple[int, int]], count: int, direction: int
) -> None:
    """Undo map_sg."""
    machine.dma.debug.sg_unmapped(device, segments, count, direction)
    for handle, size in segments:
        unmap_direct(machine, device, handle, size, direction)
        machine.dma.mappings.remove(device, handle, size)
        if machine.events.active:
            machine.events.emit(DmaUnmapped(device.name, handle, size, direction, machine.site))


def sync_sg(
    machine: Machine,
    device: Device,
    segments: list[tuple[int, int]],
    direction: int,
    *,
    for_cpu: bool,
) -> None:
    """Sync every piece."""
    for handle, size in segments:
        sync_direct(machine, device, handle, size, direction, for_cpu=for_cpu)
        mapping = machine.dma.mappings.find(device, handle)
        if mapping is not None:
            mapping.owner = "cpu" if for_cpu else "device"
        if machine.events.active:
            machine.events.emit(DmaSynced(device.name, handle, size, direction, for_cpu))
