"""What devices and drivers do wrong with DMA where nothing checks it.

Source of the rules: `Documentation/core-api/dma-api.rst`: a streaming buffer belongs to the device
from map (or sync_for_device) to unmap (or sync_for_cpu); a device touches only what is mapped for
it; memory is unmapped before it is freed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, pfn_to_virt
from kmemquest.kernel.dma.constants import DMA_TO_DEVICE
from kmemquest.kernel.events import (
    CoherentAllocated,
    CoherentFreed,
    DeviceTouched,
    DmaMapped,
    DmaSynced,
    DmaUnmapped,
    Event,
    ObjectFreed,
    PagesFreed,
)

if TYPE_CHECKING:
    from kmemquest.kernel.check.shadow import Shadow
    from kmemquest.kernel.context import Frame
    from kmemquest.kernel.machine import Machine


@dataclass(slots=True)
class Mapping:
    """Memory that a device may use: DMA address `handle`, CPU-side `physical`, `size` bytes."""

    handle: int
    physical: int
    size: int
    direction: int
    streaming: bool
    site: Frame | None
    at_cpu: list[tuple[int, int]] = field(default_factory=list)
    """Parts that were synced for the CPU, as [first, last) offsets in bytes."""

    def is_at_cpu(self, offset: int, size: int) -> bool:
        """Tell whether a part was handed to the CPU."""
        return any(first <= offset and offset + size <= last for first, last in self.at_cpu)

    def hand_over(self, offset: int, size: int, *, for_cpu: bool) -> None:
        """Give a part to the CPU or to the device."""
        last = offset + size
        self.at_cpu = [part for part in self.at_cpu if part[1] <= offset or part[0] >= last]
        if for_cpu:
            self.at_cpu.append((offset, last))

    def covers(self, handle: int, size: int) -> bool:
        """Tell whether a range of DMA addresses lies inside."""
        return self.handle <= handle and handle + size <= self.handle + self.size


class DmaShadow:
    """The mappings of all devices, and who owns the buffers."""

    def __init__(self, machine: Machine, shadow: Shadow) -> None:
        self._machine = machine
        self._shadow = shadow
        self._mappings: dict[tuple[str, int], Mapping] = {}
        self._past: dict[tuple[str, int], tuple[Mapping, Frame | None]] = {}
        self.mapped_pages: dict[int, int] = {}
        """pfn -> streaming mappings that touch it."""

    def note(self, event: Event) -> None:
        """Take an event of the stream."""
        if event.topic == "dma":
            act = _ACTS.get(type(event))
            if act is not None:
                act(self, event)
        elif self.mapped_pages:
            if isinstance(event, PagesFreed):
                self._freed(pfn_to_virt(event.pfn), PAGE_SIZE << event.order)
            elif isinstance(event, ObjectFreed):
                life = self._shadow.history.object(event.address)
                self._freed(event.address, life.room if life is not None else 1)

    def is_mapped(self, address: int) -> bool:
        """Tell whether a page has a streaming mapping in it."""
        physical = self._machine.memory.translate(address)
        return physical is not None and physical >> PAGE_SHIFT in self.mapped_pages

    def check_access(self, address: int, size: int, *, write: bool) -> None:
        """Look at a CPU access: a buffer at the device is not the driver's to touch."""
        if not self.mapped_pages:
            return
        physical = self._machine.memory.translate(address)
        if physical is None or physical >> PAGE_SHIFT not in self.mapped_pages:
            return
        for mapping in self._mappings.values():
            first = max(physical, mapping.physical)
            length = min(physical + size, mapping.physical + mapping.size) - first
            if not mapping.streaming or length <= 0:
                continue
            if mapping.is_at_cpu(first - mapping.physical, length):
                continue
            if mapping.direction == DMA_TO_DEVICE and not write:
                continue
            verb = "writes" if write else "reads"
            self._say(
                "dma-ownership", address, mapping.site,
                f"the CPU {verb} a buffer that is mapped for the device",
            )  # fmt: skip

    # --- the stream -----------------------------------------------------------------------------

    def _mapped(self, event: DmaMapped) -> None:
        mapping = Mapping(
            event.handle, event.physical, event.size, event.direction, True, event.site
        )
        self._mappings[event.device, event.handle] = mapping
        self._past.pop((event.device, event.handle), None)
        for pfn in _frames(mapping):
            self.mapped_pages[pfn] = self.mapped_pages.get(pfn, 0) + 1

    def _coherent(self, event: CoherentAllocated) -> None:
        mapping = Mapping(event.handle, event.pfn << PAGE_SHIFT, event.size, 0, False, event.site)
        self._mappings[event.device, event.handle] = mapping
        self._past.pop((event.device, event.handle), None)

    def _unmapped(self, event: DmaUnmapped | CoherentFreed) -> None:
        mapping = self._mappings.pop((event.device, event.handle), None)
        if mapping is None:
            return
        self._past[event.device, event.handle] = (mapping, event.site)
        if mapping.streaming:
            for pfn in _frames(mapping):
                left = self.mapped_pages.get(pfn, 1) - 1
                if left:
                    self.mapped_pages[pfn] = left
                else:
                    self.mapped_pages.pop(pfn, None)

    def _synced(self, event: DmaSynced) -> None:
        for (device, _), mapping in self._mappings.items():
            if device == event.device and mapping.covers(event.handle, event.size):
                offset = event.handle - mapping.handle
                mapping.hand_over(offset, event.size, for_cpu=event.for_cpu)

    def _touched(self, event: DeviceTouched) -> None:
        verb = "writes" if event.wrote else "reads"
        if not event.reached:
            self._say("dma-unreachable", event.handle, None, f"the device {verb} where nothing is")
            return
        for (device, _), mapping in self._mappings.items():
            if device == event.device and mapping.covers(event.handle, event.size):
                if mapping.is_at_cpu(event.handle - mapping.handle, event.size):
                    detail = f"the device {verb} a buffer that was synced for the CPU"
                    self._say("dma-ownership", event.handle, mapping.site, detail)
                return
        for (device, _), (mapping, ended) in self._past.items():
            if device == event.device and mapping.covers(event.handle, event.size):
                self._say(
                    "dma-after-unmap", event.handle, mapping.site,
                    f"the device {verb} {event.size} bytes after the mapping ended", ended,
                )  # fmt: skip
                return
        if self._reserved_at_boot(event.handle, event.size):
            return
        detail = f"the device {verb} {event.size} bytes outside of every mapping"
        self._say("dma-outside-mapping", event.handle, None, detail)

    def _reserved_at_boot(self, physical: int, size: int) -> bool:
        """Tell whether early boot took this memory by its physical address, for hardware."""
        return self._machine.memblock.is_reserved(physical) and any(
            held.kind == "memblock-phys"
            and held.address <= physical
            and physical + size <= held.address + held.size
            for held in self._machine.checks.ledger.live()
        )

    def _freed(self, address: int, size: int) -> None:
        physical = self._machine.memory.translate(address)
        if physical is None:
            return
        for mapping in self._mappings.values():
            inside = mapping.physical < physical + size
            if mapping.streaming and inside and physical < mapping.physical + mapping.size:
                detail = "memory is freed while it is mapped for the device"
                self._say("dma-freed-while-mapped", address, mapping.site, detail)

    def _say(
        self, kind: str, address: int, mapped: Frame | None, detail: str, ended: Frame | None = None
    ) -> None:
        self._shadow.say_of_mapping(kind, address, mapped, ended, detail)


def _frames(mapping: Mapping) -> range:
    last = mapping.physical + max(mapping.size, 1) - 1
    return range(mapping.physical >> PAGE_SHIFT, (last >> PAGE_SHIFT) + 1)


_ACTS: Final[dict[type[Event], Callable[[DmaShadow, Any], None]]] = {
    DmaMapped: DmaShadow._mapped,
    CoherentAllocated: DmaShadow._coherent,
    DmaUnmapped: DmaShadow._unmapped,
    CoherentFreed: DmaShadow._unmapped,
    DmaSynced: DmaShadow._synced,
    DeviceTouched: DmaShadow._touched,
}
HEEDED: Final = frozenset((*_ACTS, PagesFreed, ObjectFreed))
"""Types of events that change what is known."""
