"""The state of a machine at one moment, as data that no longer refers to the machine.

A recording begins with one; views fold the events onto it. Everything is immutable and in
kernel units: pfns, pages, bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.slab_cache import KmemCache, Slab
    from kmemquest.kernel.mm.zone import Zone

# Frame classes: one byte per frame in `Picture.frames` and in the frame map view.
ABSENT: Final = 0
FREE: Final = 1
PCP: Final = 2
SLAB: Final = 3
DRIVER: Final = 4
PAGE_CACHE: Final = 5
VMALLOC: Final = 6
DMA: Final = 7
RESERVED: Final = 8
USER: Final = 9
KERNEL: Final = 10
MEMBLOCK: Final = 11
FRAME_CLASSES: Final = 12


@dataclass(frozen=True, slots=True)
class ZonePicture:
    """A zone: frames [start_pfn, end_pfn); `free`, `pcp`, `managed` and the marks in pages."""

    node: int
    index: int
    name: str
    start_pfn: int
    end_pfn: int
    present: int
    managed: int
    free: int
    pcp: int
    marks: tuple[int, int, int]
    """min, low, high, boost included."""
    free_counts: tuple[tuple[int, ...], ...]
    """free_counts[migratetype][order]: blocks on the free lists."""


@dataclass(frozen=True, slots=True)
class SlabPicture:
    """One slab: 2**order frames from `pfn` on; `used[i]` is 1 where slot i is handed out."""

    pfn: int
    order: int
    used: bytes


@dataclass(frozen=True, slots=True)
class CachePicture:
    """One kmem_cache; sizes in bytes."""

    name: str
    object_size: int
    size: int
    order: int
    objects: int
    slabs: tuple[SlabPicture, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AreaPicture:
    """An area of the vmalloc window: [start, end) with its guard page."""

    start: int
    end: int
    kind: str
    pfns: tuple[int, ...]
    caller: str


@dataclass(frozen=True)
class Picture:
    """A machine at one moment."""

    phase: str
    time: int
    max_pfn: int
    frames: bytes = field(repr=False)
    zones: tuple[ZonePicture, ...] = ()
    caches: tuple[CachePicture, ...] = ()
    areas: tuple[AreaPicture, ...] = ()
    memory: tuple[tuple[int, int], ...] = ()
    """memblock's RAM: [base, end) in bytes."""
    reserved: tuple[tuple[int, int], ...] = ()
    """memblock's reservations: [base, end) in bytes."""

    def digest(self) -> str:
        """Return a SHA-256 over the whole picture."""
        summary = hashlib.sha256(self.frames)
        rest = (self.phase, self.time, self.max_pfn, self.zones, self.caches, self.areas)
        summary.update(repr((rest, self.memory, self.reserved)).encode())
        return summary.hexdigest()

    def cache(self, name: str) -> CachePicture | None:
        """Return a cache by its name or an alias."""
        for cache in self.caches:
            if cache.name == name or name in cache.aliases:
                return cache
        return None


EMPTY: Final = Picture("off", 0, 0, b"")
"""The picture of no machine: what a recording of uncompilable code begins with."""


def take_picture(machine: Machine) -> Picture:
    """Look at a machine without touching it."""
    max_pfn = machine.memory.max_pfn
    frames = bytearray(max_pfn)
    memory, reserved = _memblock(machine)
    for base, end in memory:
        _paint(frames, base >> PAGE_SHIFT, end >> PAGE_SHIFT, RESERVED)
    if machine.phase == "memblock":
        for base, end in memory:
            _paint(frames, base >> PAGE_SHIFT, end >> PAGE_SHIFT, MEMBLOCK)
        for base, end in reserved:
            _paint(frames, base >> PAGE_SHIFT, -(-end >> PAGE_SHIFT), RESERVED)
        return Picture(
            machine.phase,
            machine.clock.now,
            max_pfn,
            bytes(frames),
            memory=memory,
            reserved=reserved,
        )
    for start, end in machine.pages.frames.managed_ranges():
        _paint(frames, start, end, KERNEL)
    zones = tuple(_zone(zone, frames) for zone in machine.pages.zones)
    slabs: dict[int, list[Slab]] = {}
    for pfn, slab in machine.slub.slabs.items():
        if pfn == slab.pfn:
            slabs.setdefault(id(slab.cache), []).append(slab)
    caches = tuple(_cache(cache, slabs.get(id(cache), []), frames) for cache in machine.slub.caches)
    _paint_movable(machine, frames)
    areas = tuple(
        AreaPicture(area.start, area.end, area.kind, tuple(area.pfns), area.caller)
        for area in machine.vmalloc.areas
    )
    for area in areas:
        for pfn in area.pfns:
            if 0 <= pfn < max_pfn:
                frames[pfn] = VMALLOC
    return Picture(
        machine.phase,
        machine.clock.now,
        max_pfn,
        bytes(frames),
        zones,
        caches,
        areas,
        memory,
        reserved,
    )


def _paint(frames: bytearray, start: int, end: int, kind: int) -> None:
    end = min(end, len(frames))
    if start < end:
        frames[start:end] = bytes([kind]) * (end - start)


def _paint_blocks(frames: bytearray, blocks: Iterable[int], order: int, kind: int) -> None:
    """Paint blocks of 2**order frames, all of them within the machine."""
    if order == 0:
        for pfn in blocks:
            frames[pfn] = kind
        return
    colour = bytes([kind]) * (1 << order)
    for pfn in blocks:
        frames[pfn : pfn + (1 << order)] = colour


def _memblock(
    machine: Machine,
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    memblock = machine.memblock
    reserved = tuple((region.base, region.end) for region in memblock.reserved.regions)
    return tuple(memblock.memory_ranges()), reserved


def _zone(zone: Zone, frames: bytearray) -> ZonePicture:
    from kmemquest.kernel.mm.zone import NR_PAGE_ORDERS, PCP_LIST_ORDER

    counts = []
    for lists in zone.free_lists:
        counts.append(tuple(len(lists[order]) for order in range(NR_PAGE_ORDERS)))
        for order, listed in enumerate(lists):
            for start, end in listed.runs:
                _paint(frames, start, end, FREE)
            _paint_blocks(frames, (*listed.front, *listed.back), order, FREE)
    for pageset in zone.pagesets:
        for index, blocks in enumerate(pageset.lists):
            _paint_blocks(frames, blocks, PCP_LIST_ORDER[index], PCP)
    low, middle, high = (zone.mark(which) for which in range(3))
    return ZonePicture(
        zone.node,
        zone.index,
        zone.name,
        zone.start_pfn,
        zone.end_pfn,
        zone.present,
        zone.managed,
        zone.true_free(),
        zone.pcp_pages(),
        (low, middle, high),
        tuple(counts),
    )


def _cache(cache: KmemCache, owned: list[Slab], frames: bytearray) -> CachePicture:
    slabs = []
    for slab in owned:
        _paint(frames, slab.pfn, slab.pfn + (1 << slab.order), SLAB)
        used = bytes(slab.owned >> index & 1 for index in range(slab.objects))
        slabs.append(SlabPicture(slab.pfn, slab.order, used))
    geometry = cache.geometry
    return CachePicture(
        cache.name,
        cache.object_size,
        cache.size,
        geometry.order,
        (PAGE_SIZE << geometry.order) // cache.size,
        tuple(sorted(slabs, key=lambda slab: slab.pfn)),
        tuple(cache.aliases),
    )


def _paint_movable(machine: Machine, frames: bytearray) -> None:
    movable = machine.pages.movable
    for pfn, order in machine.pages.frames.lru.items():
        if order:
            _paint(frames, pfn, pfn + (1 << order), PAGE_CACHE)
        else:
            frames[pfn] = PAGE_CACHE
    for pfn in movable:
        if 0 <= pfn < len(frames):
            frames[pfn] = PAGE_CACHE
