"""The two sorted region arrays of memblock, and how ranges are inserted, split and merged.

Everything here works on bytes: a region is [base, base + size). Source: `mm/memblock.c`
(`memblock_add_range`, `memblock_isolate_range`, `memblock_merge_regions`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

INIT_MEMBLOCK_REGIONS: Final = 128
REGION_BYTES: Final = 24
"""`sizeof(struct memblock_region)` on 64 bits with NUMA."""
PHYS_ADDR_MAX: Final = (1 << 64) - 1

NONE: Final = 0x0
HOTPLUG: Final = 0x1
MIRROR: Final = 0x2
NOMAP: Final = 0x4
DRIVER_MANAGED: Final = 0x8
RSRV_NOINIT: Final = 0x10


@dataclass(slots=True)
class Region:
    """One region: bytes [base, base + size), flags and node."""

    base: int
    size: int
    flags: int
    nid: int

    @property
    def end(self) -> int:
        """The first byte after the region."""
        return self.base + self.size


@dataclass(slots=True)
class RegionArray:
    """`struct memblock_type`: a sorted array of regions that do not overlap.

    `capacity` is the kernel's `max`; `total_size` is the kernel's running sum in bytes modulo
    2**64, which drifts from the true sum after `trim_memory`. `array_at` is the physical address
    of the array once it has outgrown the static one.
    """

    name: str
    capacity: int = INIT_MEMBLOCK_REGIONS
    total_size: int = 0
    array_at: int | None = None
    in_slab: bool = False
    regions: list[Region] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.regions)

    def insert(self, index: int, region: Region) -> None:
        """Put a region at an index (`memblock_insert_region`)."""
        self.regions.insert(index, region)
        self._grow(region.size)

    def remove(self, index: int) -> None:
        """Take a region out (`memblock_remove_region`)."""
        self._grow(-self.regions.pop(index).size)

    def merge(self, start: int, end: int) -> None:
        """Join touching neighbours of equal flags and node around the indices [start, end).

        Source: `mm/memblock.c:memblock_merge_regions`. Pairs outside stay as they are.
        """
        regions = self.regions
        index = max(start - 1, 0)
        end = min(end, len(regions) - 1)
        while index < end:
            here, after = regions[index], regions[index + 1]
            if here.end == after.base and here.nid == after.nid and here.flags == after.flags:
                here.size += after.size
                del regions[index + 1]
                end -= 1
            else:
                index += 1

    def gaps_for(
        self, base: int, end: int, nid: int, flags: int, warn: Callable[[str], None]
    ) -> list[tuple[int, int, int]]:
        """Return the pieces of [base, end) that no region covers, as (index, start, end).

        `index` counts the old array: the piece belongs before that region. A piece in front of a
        region of another node or other flags warns, as the kernel does, and is added all the same.
        """
        pieces = []
        index = len(self.regions)
        for position, region in enumerate(self.regions):
            if region.base >= end:
                index = position
                break
            if region.end <= base:
                continue
            if region.base > base:
                if nid != region.nid:
                    warn("nid")
                if flags != region.flags:
                    warn("flags")
                pieces.append((position, base, region.base))
            base = min(region.end, end)
        if base < end:
            pieces.append((index, base, end))
        return pieces

    def insert_pieces(self, pieces: list[tuple[int, int, int]], nid: int, flags: int) -> None:
        """Insert what `gaps_for` found and merge around it."""
        for shift, (index, start, end) in enumerate(pieces):
            self.insert(index + shift, Region(start, end - start, flags, nid))
        first, last = pieces[0][0], pieces[-1][0] + len(pieces) - 1
        self.merge(first, last + 1)

    def split_at(self, base: int, end: int) -> tuple[int, int]:
        """Split the regions that cross `base` or `end`; return the index range wholly inside.

        Source: `mm/memblock.c:memblock_isolate_range`. Nothing inside gives (0, 0).
        """
        regions = self.regions
        start_index = end_index = index = 0
        while index < len(regions):
            region = regions[index]
            if region.base >= end:
                break
            if region.end <= base:
                index += 1
                continue
            if region.base < base:
                self._cut(index, base)
            elif region.end > end:
                self._cut(index, end)
                continue
            else:
                if not end_index:
                    start_index = index
                end_index = index + 1
            index += 1
        return start_index, end_index

    def _cut(self, index: int, at: int) -> None:
        region = self.regions[index]
        lower = Region(region.base, at - region.base, region.flags, region.nid)
        region.size -= lower.size
        region.base = at
        self.regions.insert(index, lower)

    def _grow(self, size: int) -> None:
        self.total_size = (self.total_size + size) & PHYS_ADDR_MAX

    # --- questions ------------------------------------------------------------------------

    def search(self, address: int) -> Region | None:
        """Return the region that contains a byte (`memblock_search`)."""
        low, high = 0, len(self.regions)
        while low < high:
            middle = (low + high) // 2
            region = self.regions[middle]
            if address < region.base:
                high = middle
            elif address >= region.end:
                low = middle + 1
            else:
                return region
        return None

    def overlaps(self, base: int, size: int) -> bool:
        """Tell whether any region intersects [base, base + size), the size being capped."""
        size = cap_size(base, size)
        return any(addrs_overlap(base, size, region.base, region.size) for region in self.regions)


def cap_size(base: int, size: int) -> int:
    """Cut a size so that the range ends at 2**64 - 1 at most (`memblock_cap_size`)."""
    return min(size, PHYS_ADDR_MAX - base)


def addrs_overlap(base1: int, size1: int, base2: int, size2: int) -> bool:
    """Tell whether two ranges intersect, with the kernel's 64-bit wrap."""
    return base1 < (base2 + size2) & PHYS_ADDR_MAX and base2 < (base1 + size1) & PHYS_ADDR_MAX
