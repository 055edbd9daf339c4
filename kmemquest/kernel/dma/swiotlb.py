"""swiotlb: bounce buffers for devices that cannot reach all RAM (`kernel/dma/swiotlb.c`).

A pool of 2 KiB slots in low memory, cut into areas (one per CPU) and segments of 128 slots. A
mapping takes contiguous slots of one segment, so 256 KiB is the most that can be mapped.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_OFFSET, PAGE_SHIFT, PAGE_SIZE
from kmemquest.kernel.check.oops import warn_once
from kmemquest.kernel.log import KERN_INFO

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import Device
    from kmemquest.kernel.machine import Machine

SLOT_SHIFT: Final = 11
SLOT_SIZE: Final = 1 << SLOT_SHIFT
SEGMENT_SLOTS: Final = 128
MAX_MAPPING: Final = SLOT_SIZE * SEGMENT_SLOTS
COPY_COST_DIVISOR: Final = 10
"""Bytes copied per nanosecond."""


def pool_of(machine: Machine) -> Swiotlb | None:
    """Return the pool on what boot has reserved for it, None on a machine without one."""
    boot = machine.memblock.boot
    if not boot.swiotlb_bytes:
        return None
    words = machine.spec.option("swiotlb").split(",")
    numbers = [int(word, 0) for word in words if word[:1].isdigit()]
    areas = numbers[1] if len(numbers) > 1 else machine.spec.cpus
    areas = 1 << (areas - 1).bit_length()
    slots = boot.swiotlb_bytes >> SLOT_SHIFT
    return Swiotlb(machine, boot.swiotlb_base, slots, areas, force="force" in words)


class Swiotlb:
    """The pool: free-slot counts, one search position per area, and what each slot mirrors."""

    __slots__ = (
        "_machine",
        "_positions",
        "_used",
        "_used_hiwater",
        "area_slots",
        "areas",
        "force",
        "free_run",
        "mapped_size",
        "original",
        "slots",
        "start",
    )

    def __init__(
        self, machine: Machine, start: int, slots: int, areas: int, *, force: bool = False
    ) -> None:
        self._machine = machine
        self.start = start
        """Physical address of slot 0."""
        self.slots = slots
        self.areas = areas
        self.area_slots = slots // areas
        self.force = force
        """Every mapping of every device bounces (`swiotlb=force`)."""
        self.free_run = array("H", [SEGMENT_SLOTS - slot % SEGMENT_SLOTS for slot in range(slots)])
        """Slot -> free slots from it to the end of its segment, 0 when taken (`list`)."""
        self.original: dict[int, int] = {}
        """Taken slot -> physical address whose bytes it mirrors."""
        self.mapped_size: dict[int, int] = {}
        """Taken slot -> bytes of the mapping from this slot on."""
        self._positions = [0] * areas
        self._used = [0] * areas
        self._used_hiwater = 0

    @property
    def end(self) -> int:
        """The first byte after the pool."""
        return self.start + (self.slots << SLOT_SHIFT)

    @property
    def used(self) -> int:
        """Slots taken now."""
        return sum(self._used)

    @property
    def used_hiwater(self) -> int:
        """The most slots ever taken at once."""
        return self._used_hiwater

    def set_position(self, area: int, slot: int) -> None:
        """Set where the next search of an area begins, as an index into the area."""
        self._positions[area] = slot

    def announce(self) -> None:
        """Print what boot prints (`swiotlb_print_info`, `arch/x86/kernel/pci-dma.c`)."""
        log = self._machine.log
        megabytes = self.slots << SLOT_SHIFT >> 20
        log.print(f"software IO TLB: area num {self.areas}.", KERN_INFO)
        log.print("PCI-DMA: Using software bounce buffering for IO (SWIOTLB)", KERN_INFO)
        log.print(
            f"software IO TLB: mapped [mem {self.start:#018x}-{self.end:#018x}] ({megabytes}MB)",
            KERN_INFO,
        )

    def contains(self, physical: int) -> bool:
        """Tell whether an address is one of the pool's."""
        return self.start <= physical < self.end

    # --- slots ------------------------------------------------------------------------------

    def take(self, device: Device, physical: int, size: int, cpu: int = 0) -> int | None:
        """Take slots for `size` bytes mirroring `physical`; return their address, None if full.

        The search starts in this CPU's area and goes on through the others.
        """
        first = cpu & (self.areas - 1)
        for step in range(self.areas):
            area = (first + step) % self.areas
            slot = self._search(area, device, physical, size)
            if slot is not None:
                for index in range(-(-size // SLOT_SIZE)):
                    self.original[slot + index] = physical + (index << SLOT_SHIFT)
                return self.start + (slot << SLOT_SHIFT)
        return None

    def _search(self, area: int, device: Device, physical: int, size: int) -> int | None:
        align = SLOT_SIZE - 1
        if size >= PAGE_SIZE and not device.min_align_mask:
            align = PAGE_SIZE - 1
        same_bits = device.min_align_mask & ~align
        stride = _slots_of_mask(max(align, same_bits))
        needed = -(-size // SLOT_SIZE)
        if needed > self.area_slots - self._used[area]:
            return None
        index, base, checked = self._positions[area], area * self.area_slots, 0
        while checked < self.area_slots:
            slot = base + index
            address = self.start + (slot << SLOT_SHIFT)
            if address & align or (address ^ physical) & same_bits:
                index, checked = (index + 1) % self.area_slots, checked + 1
                continue
            if self.free_run[slot] >= needed and not self._crosses(device, slot, needed):
                self._occupy(area, slot, needed, size)
                self._positions[area] = _wrap(index + needed, self.area_slots)
                return slot
            index, checked = _wrap(index + stride, self.area_slots), checked + stride
        return None

    def _crosses(self, device: Device, slot: int, needed: int) -> bool:
        boundary = _slots_of_mask(device.seg_boundary_mask)
        shift = (self.start & device.seg_boundary_mask) >> SLOT_SHIFT
        return (shift + slot) % boundary + needed > boundary

    def _occupy(self, area: int, slot: int, needed: int, size: int) -> None:
        free_run = self.free_run
        for index in range(needed):
            free_run[slot + index] = 0
            self.mapped_size[slot + index] = size - (index << SLOT_SHIFT)
        self._renumber_before(slot, 0)
        self._used[area] += needed
        self._used_hiwater = max(self._used_hiwater, self.used)

    def _renumber_before(self, slot: int, count: int) -> None:
        """Count free slots anew from `slot` - 1 down to the first taken one of the segment."""
        free_run = self.free_run
        index = slot - 1
        while index >= 0 and index % SEGMENT_SLOTS != SEGMENT_SLOTS - 1 and free_run[index]:
            count += 1
            free_run[index] = count
            index -= 1

    def release(self, address: int) -> None:
        """Give the slots of the mapping that starts at a slot address back."""
        slot = (address - self.start) >> SLOT_SHIFT
        size = self.mapped_size.get(slot, 0)
        needed = -(-size // SLOT_SIZE)
        after = slot + needed
        segment_end = (slot // SEGMENT_SLOTS + 1) * SEGMENT_SLOTS
        count = self.free_run[after] if after < segment_end else 0
        for index in range(after - 1, slot - 1, -1):
            count += 1
            self.free_run[index] = count
            self.original.pop(index, None)
            self.mapped_size.pop(index, None)
        self._renumber_before(slot, count)
        self._used[slot // self.area_slots] -= needed

    # --- copying ----------------------------------------------------------------------------

    def bounce(self, device: Device, address: int, size: int, *, to_slot: bool) -> None:
        """Copy between the original memory and the slots (`swiotlb_bounce`)."""
        slot = (address - self.start) >> SLOT_SHIFT
        original = self.original.get(slot)
        if original is None:
            return
        machine = self._machine
        offset = address & (SLOT_SIZE - 1)
        original += offset
        limit = self.mapped_size[slot] - offset
        if size > limit:
            text = (
                f"{device.prefix}: Buffer overflow detected. "
                f"Allocation size: {limit}. Mapping size: {size}."
            )
            warn_once(
                machine,
                "swiotlb-overflow",
                "kernel/dma/swiotlb.c",
                896,
                "swiotlb_bounce",
                text,
                kind="dma-bounce-overflow",
            )
            size = limit
        memory = machine.memory
        if original + size > memory.max_pfn << PAGE_SHIFT:
            machine.fault(PAGE_OFFSET + original, size, write=not to_slot)
            return
        source, target = (original, address) if to_slot else (address, original)
        memory.write_physical(target, memory.read_physical(source, size))
        machine.clock.advance(size // COPY_COST_DIVISOR)


def _slots_of_mask(mask: int) -> int:
    return (mask >> SLOT_SHIFT) + 1


def _wrap(index: int, slots: int) -> int:
    return 0 if index >= slots else index
