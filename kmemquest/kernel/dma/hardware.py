"""What the device on the other side of the bus does: it reads and writes physical memory.

Without an IOMMU nothing stops it: a stale or made-up handle reaches whatever lies there. Only
address bits that the hardware does not have, and addresses without RAM, lead nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.kernel.events import DeviceTouched

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import Device
    from kmemquest.kernel.machine import Machine


def write(machine: Machine, device: Device, handle: int, data: bytes) -> bool:
    """Write bytes by DMA; True when they arrived in RAM."""
    reached = _reaches(machine, device, handle, len(data))
    if reached:
        machine.memory.write_physical(handle, data)
    _tell(machine, device, handle, len(data), wrote=True, reached=reached)
    return reached


def read(machine: Machine, device: Device, handle: int, size: int) -> bytes:
    """Read bytes by DMA; a bus read that nobody answers gives all ones."""
    reached = _reaches(machine, device, handle, size)
    data = machine.memory.read_physical(handle, size) if reached else b"\xff" * size
    _tell(machine, device, handle, size, wrote=False, reached=reached)
    return data


def _reaches(machine: Machine, device: Device, handle: int, size: int) -> bool:
    last = handle + max(size, 1) - 1
    if last > device.reach:
        return False
    memblock = machine.memblock
    return bool(memblock.is_memory(handle) and memblock.is_memory(last))


def _tell(
    machine: Machine, device: Device, handle: int, size: int, *, wrote: bool, reached: bool
) -> None:
    if machine.events.active:
        machine.events.emit(DeviceTouched(device.name, handle, size, wrote, reached))
