"""Replay of DMA recordings: masks, zones, bounce slots and the bytes in them, pool layouts.

Which frames are free is the recorded machine's business; so are the pool's place and its search
position at the start. They are taken from the recording, everything else must come out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from kmemquest.kernel.address import PAGE_OFFSET, PAGE_SHIFT, PAGE_SIZE, get_order
from kmemquest.kernel.conform import UNFOLLOWED, ConformResult, Tally
from kmemquest.kernel.conform.bare_machine import bare_machine
from kmemquest.kernel.dma.constants import DMA_MAPPING_ERROR, dma_bit_mask
from kmemquest.kernel.dma.device import DmaSubsystem
from kmemquest.kernel.dma.swiotlb import SLOT_SHIFT, Swiotlb
from kmemquest.kernel.gfp import DMA32_BIT, GFP_ATOMIC, GFP_DMA_BIT, GFP_KERNEL
from kmemquest.kernel.spec import MachineSpec

Line = list[Any]

DEFAULT_SLOTS: Final = 32768
ZONE_ENDS: Final = (("DMA", 16 << 20), ("DMA32", 1 << 32), ("Normal", 1 << 64))
MAX_ORDER: Final = 10
MAX_PAGES_BEFORE: Final = 8
"""Boot itself had used no more of the bounce buffers before a recording."""
FIRST_BYTE: Final = 0xA5


class _Zone:
    def __init__(self, name: str) -> None:
        self.name = name


class _Frames:
    """Stands for the page allocator: hands out, per zone, the frames the recording shows."""

    def __init__(self) -> None:
        self.usual: dict[tuple[str, int], int] = {}
        """(zone, order) -> the frame that zone gives for that order."""
        self.zones: list[_Zone] = []
        self.highest_zone = "Normal"

    def learn(self, physical: int, order: int) -> None:
        """Note what a zone gives for an order."""
        self.usual[zone_name(physical), order] = physical >> PAGE_SHIFT

    def alloc_pages(self, gfp: int, order: int, nid: int | None = None) -> int:
        del nid
        if order > MAX_ORDER:
            return -1
        zone = self.highest_zone
        if gfp & GFP_DMA_BIT:
            zone = "DMA"
        elif gfp & DMA32_BIT and zone == "Normal":
            zone = "DMA32"
        return self.usual.get((zone, order), -1)

    def free_pages(self, pfn: int, order: int) -> None:
        del pfn, order

    def zone_of(self, pfn: int) -> _Zone:
        return _Zone(zone_name(pfn << PAGE_SHIFT))


class _Objects:
    """Stands for kmalloc: addresses nobody looks at."""

    def __init__(self) -> None:
        self._next = PAGE_OFFSET + 0x1000

    def kmalloc(self, size: int, gfp: int, nid: int | None = None) -> int:
        del size, gfp, nid
        self._next += 256
        return self._next

    def kfree(self, address: int) -> None:
        del address


class _Boot:
    swiotlb_bytes = 0
    swiotlb_base = 0
    cma = (0, 0)


class _Memblock:
    boot = _Boot()


class _Stacks:
    mapped: tuple[()] = ()


class _Vmalloc:
    stacks = _Stacks()


def zone_name(physical: int) -> str:
    """Name the zone a physical address of a PC belongs to."""
    return next(name for name, end in ZONE_ENDS if physical < end)


def conform_dma(lines: Iterable[str]) -> ConformResult:
    """Replay one `dma` recording."""
    parsed = [json.loads(text) for text in lines if text.strip()]
    results = (_replay(parsed, pages) for pages in range(MAX_PAGES_BEFORE))
    if not any(_bounced(line) for line in parsed):
        return next(results)
    # The recordings do not say where the pool begins, only where its first free slot was.
    best = next(results)
    for result in results:
        if best.ok:
            break
        best = max(best, result, key=lambda one: one.matched)
    return best


def _replay(parsed: list[Any], pages_before: int) -> ConformResult:
    replay = _Replay(parsed, pages_before)
    for number, line in enumerate(parsed, 1):
        replay.tally.line = number
        if isinstance(line, list):
            try:
                replay.feed(line)
            except UNFOLLOWED as error:
                replay.tally.break_off(error)
                break
    return replay.tally.result()


class _Replay:
    """One recording on its way."""

    def __init__(self, lines: list[Any], pages_before: int) -> None:
        self.tally = Tally()
        self._lines = lines
        self._meta: dict[str, Any] = lines[0]
        machine = self._machine = bare_machine(MachineSpec(), self._meta["max_pfn"])
        self._frames = _Frames()
        machine.pages = self._frames  # type: ignore[assignment]
        machine.kmalloc = _Objects()  # type: ignore[assignment]
        machine.memblock = _Memblock()  # type: ignore[assignment]
        machine.vmalloc = _Vmalloc()  # type: ignore[assignment]
        machine.dma = DmaSubsystem(machine)
        self._device = machine.dma.device("recorder", "platform")
        self._learn_frames()
        self._install_swiotlb(pages_before)
        self._mapped: tuple[int, int, int, int] = (0, 0, 0, 0)
        """The last mapping: physical, handle, size, direction."""
        self._slots: dict[int, tuple[int, int]] = {}
        self._pool = 0
        self._out: dict[int, int] = {}
        self._handlers: dict[str, Callable[[Line], None]] = {
            "mask": self._mask,
            "coh": self._coherent,
            "coh_atomic": self._coherent,
            "map": self._map,
            "sync_for_cpu": self._sync_for_cpu,
            "sync_for_device": self._sync_for_device,
            "unmap": self._unmap,
            "slot": self._slot,
            "slotun": self._slot_unmap,
            "pool": self._new_pool,
            "pa": self._pool_alloc,
            "pf": self._pool_free,
        }

    # --- what the recording gives -----------------------------------------------------------

    def _learn_frames(self) -> None:
        """Find which frame each zone had for each order when it was asked first."""
        zones = set()
        for line in self._lines:
            if isinstance(line, list) and line[0] == "coh" and line[3] is not None:
                physical = int(line[3], 16)
                zones.add(zone_name(physical))
                order = get_order(line[2])
                if (zone_name(physical), order) not in self._frames.usual:
                    self._frames.learn(physical, order)
        self._frames.highest_zone = "Normal" if "Normal" in zones else "DMA32"

    def _install_swiotlb(self, pages_before: int) -> None:
        """Let the pool begin so many pages before the first slot that was handed out."""
        first = next((line for line in self._lines if _bounced(line)), None)
        if first is None:
            return
        force = bool(self._meta["swiotlb_force"])
        handle = int(first[6], 16)
        start = handle - pages_before * PAGE_SIZE
        pool = Swiotlb(self._machine, start, DEFAULT_SLOTS, 1, force=force)
        pool.set_position(0, (handle - start) >> SLOT_SHIFT)
        self._machine.dma.swiotlb = pool

    # --- the lines --------------------------------------------------------------------------

    def feed(self, line: Line) -> None:
        """Take one line."""
        handler = self._handlers.get(line[0])
        if handler is not None:
            handler(line)

    def _mask(self, line: Line) -> None:
        _, bits, result, _, largest, _, required, _, limited = line
        dma, device = self._machine.dma, self._device
        mask = dma_bit_mask(bits)
        self.tally.compare(f"mask {bits}", result, dma.set_mask_and_coherent(device, mask))
        if result == 0:
            self.tally.compare(f"mask {bits} largest", largest, dma.max_mapping_size(device))
            self.tally.compare(
                f"mask {bits} required", int(required, 16), dma.required_mask(device)
            )
            self.tally.compare(f"mask {bits} limited", limited, int(dma.addressing_limited(device)))

    def _coherent(self, line: Line) -> None:
        kind, bits, size = line[:3]
        gfp = GFP_KERNEL if kind == "coh" else GFP_ATOMIC
        machine = self._machine
        if line[3] is not None:
            physical = int(line[3], 16)
            self._frames.learn(physical, get_order(size))
        address, handle = machine.dma.alloc_coherent(self._device, size, gfp)
        name = f"{kind}({size}) with {bits} bits"
        self.tally.compare(name, line[3], hex(handle) if address else None)
        if not address:
            return
        self.tally.compare(f"{name} zone", line[4], zone_name(handle))
        if kind == "coh":
            self.tally.compare(f"{name} CPU offset", line[6], address - PAGE_OFFSET)
        machine.dma.free_coherent(self._device, size, address, handle)

    def _map(self, line: Line) -> None:
        _, bits, _, physical_text, size, direction, handle_text = line[:7]
        physical = int(physical_text, 16)
        machine = self._machine
        machine.memory.write_physical(physical, bytes([FIRST_BYTE]) * size)
        handle = machine.dma.map_single(self._device, PAGE_OFFSET + physical, size, direction)
        got = None if handle == DMA_MAPPING_ERROR else hex(handle)
        name = f"map {physical_text}+{size} with {bits} bits"
        self.tally.compare(name, handle_text, got)
        if got is None or handle_text is None:
            return
        bounced = "bounced" if handle != physical else "direct"
        self.tally.compare(f"{name} way", line[7], bounced)
        first = machine.memory.read_physical(handle, 1)[0]
        self.tally.compare(f"{name} first byte", line[9], first)
        self._mapped = (physical, handle, size, direction)
        if bounced == "direct":
            machine.dma.unmap_single(self._device, handle, size, direction)

    def _sync_for_cpu(self, line: Line) -> None:
        physical, handle, size, direction = self._mapped
        machine = self._machine
        machine.memory.write_physical(handle, b"\x11")
        machine.dma.sync_single_for_cpu(self._device, handle, size, direction)
        self._compare_byte("sync_for_cpu", line, physical)

    def _sync_for_device(self, line: Line) -> None:
        physical, handle, size, direction = self._mapped
        machine = self._machine
        machine.memory.write_physical(physical, b"\x33")
        machine.dma.sync_single_for_device(self._device, handle, size, direction)
        self._compare_byte("sync_for_device", line, handle)

    def _unmap(self, line: Line) -> None:
        physical, handle, size, direction = self._mapped
        machine = self._machine
        machine.memory.write_physical(handle, b"\x44")
        machine.dma.unmap_single(self._device, handle, size, direction)
        self._compare_byte("unmap", line, physical)

    def _compare_byte(self, name: str, line: Line, physical: int) -> None:
        got = self._machine.memory.read_physical(physical, 1)[0]
        self.tally.compare(f"{name} direction {line[1]}", line[2], got)

    def _slot(self, line: Line) -> None:
        _, number, physical_text, size, handle_text = line
        physical = int(physical_text, 16)
        dma = self._machine.dma
        if number == 0:
            dma.set_mask_and_coherent(self._device, dma_bit_mask(32))
        handle = dma.map_single(self._device, PAGE_OFFSET + physical, size, 1)
        self.tally.compare(f"slot {number} of {size}", handle_text, hex(handle))
        self._slots[number] = (handle, size)

    def _slot_unmap(self, line: Line) -> None:
        handle, size = self._slots.pop(line[1])
        self._machine.dma.unmap_single(self._device, handle, size, 1)

    # --- pools ------------------------------------------------------------------------------

    def _new_pool(self, line: Line) -> None:
        _, size, align, boundary, created = line
        dma = self._machine.dma
        dma.set_mask_and_coherent(self._device, dma_bit_mask(64))
        self._pool = dma.pool_create("recorder", self._device, size, align, boundary)
        self._out = {}
        self.tally.compare(f"pool {size}/{align}/{boundary}", bool(created), bool(self._pool))

    def _pool_alloc(self, line: Line) -> None:
        wanted = int(line[1], 16)
        pool = self._machine.dma.pools.pools[self._pool]
        if not pool.next_block:
            # A new page: where it lies is up to the recorded machine.
            page = wanted & -max(PAGE_SIZE, 1 << get_order(pool.allocation) << PAGE_SHIFT)
            self._frames.learn(page, get_order(pool.allocation))
            self._frames.usual[self._frames.highest_zone, get_order(pool.allocation)] = (
                page >> PAGE_SHIFT
            )
        address, handle = self._machine.dma.pool_alloc(self._pool, GFP_KERNEL)
        self.tally.compare("pool block", line[1], hex(handle))
        self._out[handle] = address

    def _pool_free(self, line: Line) -> None:
        handle = int(line[1], 16)
        address = self._out.pop(handle)
        self._machine.dma.pool_free(self._pool, address, handle)


def _bounced(line: Any) -> bool:
    return isinstance(line, list) and line[0] == "map" and len(line) > 7 and line[7] == "bounced"
