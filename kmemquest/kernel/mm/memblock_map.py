"""memblock's map: RAM and reservations, how they are changed, searched and asked about.

The allocation calls on top of it are in `memblock`. Source: `mm/memblock.c`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_OFFSET, PAGE_SHIFT, PAGE_SIZE, page_align
from kmemquest.kernel.boot_record import BootRecord
from kmemquest.kernel.events import MemblockChanged
from kmemquest.kernel.log import KERN_ERR, KERN_INFO, KERN_WARNING
from kmemquest.kernel.mm import memblock_iterate as _iterate
from kmemquest.kernel.mm.memblock_regions import (
    HOTPLUG,
    MIRROR,
    NOMAP,
    NONE,
    PHYS_ADDR_MAX,
    REGION_BYTES,
    RSRV_NOINIT,
    Region,
    RegionArray,
    addrs_overlap,
    cap_size,
)

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

ENOMEM: Final = 12
NUMA_NO_NODE: Final = -1
MAX_NUMNODES: Final = 1024
SMP_CACHE_BYTES: Final = 64
ALLOC_ACCESSIBLE: Final = 0
ALLOC_NOLEAKTRACE: Final = 1
ALLOC_ANYWHERE: Final = PHYS_ADDR_MAX
ARCH_LOW_ADDRESS_LIMIT: Final = 0xFFFF_FFFF

CALL_COST: Final = 400
"""Nanoseconds of one memblock call: a walk over two short arrays."""


class MemblockMap:
    """Both region arrays of one machine, and the settings that govern them.

    Without a machine it stands alone (for checking against recordings): no events, no log, and
    `virtual_base` 0 makes virtual and physical addresses the same number.
    """

    def __init__(
        self,
        machine: Machine | None = None,
        *,
        max_numnodes: int = MAX_NUMNODES,
        cache_bytes: int = SMP_CACHE_BYTES,
        mirrored_kernelcore: bool = False,
        movable_node: bool = False,
        virtual_base: int = PAGE_OFFSET,
    ) -> None:
        self._machine = machine
        self.max_numnodes = max_numnodes
        self.cache_bytes = cache_bytes
        self.mirrored_kernelcore = mirrored_kernelcore
        self.movable_node = movable_node
        self.virtual_base = virtual_base
        self.memory = RegionArray("memory")
        self.reserved = RegionArray("reserved")
        self.bottom_up = False
        self.current_limit = PHYS_ADDR_MAX
        self.has_mirror = False
        self.can_resize = False
        self.debug = machine is not None and machine.spec.option("memblock") == "debug"
        self.warnings = 0
        """WARN_ON()s that have fired so far."""
        self.messages: list[str] = []
        """What a stand-alone memblock would have printed."""
        self.boot = BootRecord()

    # --- adding and removing ----------------------------------------------------------------

    def add(self, base: int, size: int, caller: str = "") -> int:
        """Tell memblock of RAM (`memblock_add`); 0 or -ENOMEM."""
        self._note("add", base, size, caller)
        return self._add_range(self.memory, base, size, self.max_numnodes, NONE)

    def add_node(self, base: int, size: int, nid: int, flags: int = NONE, caller: str = "") -> int:
        """Tell memblock of RAM on a node (`memblock_add_node`); 0 or -ENOMEM."""
        self._note("add_node", base, size, caller, f" nid={nid} flags={flags:x}")
        return self._add_range(self.memory, base, size, nid, flags)

    def reserve(self, base: int, size: int, caller: str = "") -> int:
        """Mark a range as taken (`memblock_reserve`); neither RAM nor freedom is checked."""
        self._note("reserve", base, size, caller)
        return self._add_range(self.reserved, base, size, self.max_numnodes, NONE)

    def remove(self, base: int, size: int, caller: str = "") -> int:
        """Take RAM away (`memblock_remove`)."""
        self._note("remove", base, size, caller)
        return self._remove_range(self.memory, base, size)

    def phys_free(self, base: int, size: int, caller: str = "") -> int:
        """Make a physical range free again; a range that is not reserved is a silent no-op."""
        self._note("phys_free", base, size, caller)
        return self._remove_range(self.reserved, base, size)

    def free(self, address: int, size: int, caller: str = "") -> int:
        """`memblock_free`: as `phys_free`, by direct-map address; NULL is a no-op."""
        if not address:
            return 0
        return self.phys_free(address - self.virtual_base, size, caller)

    def isolate_range(self, array: RegionArray, base: int, size: int) -> tuple[int, int, int]:
        """Split regions at both ends of a range; return (0 or -ENOMEM, start index, end index)."""
        size = cap_size(base, size)
        if not size:
            return 0, 0, 0
        while len(array) + 2 > array.capacity:
            if not self._double(array, base, size):
                return -ENOMEM, 0, 0
        return 0, *array.split_at(base, base + size)

    # --- flags and nodes --------------------------------------------------------------------

    def mark_hotplug(self, base: int, size: int) -> int:
        """Set HOTPLUG on RAM."""
        return self._set_flag(self.memory, base, size, HOTPLUG, True)

    def clear_hotplug(self, base: int, size: int) -> int:
        """Clear HOTPLUG."""
        return self._set_flag(self.memory, base, size, HOTPLUG, False)

    def mark_mirror(self, base: int, size: int) -> int:
        """Set MIRROR on RAM, only with kernelcore=mirror."""
        if not self.mirrored_kernelcore:
            return 0
        self.has_mirror = True
        return self._set_flag(self.memory, base, size, MIRROR, True)

    def mark_nomap(self, base: int, size: int) -> int:
        """Set NOMAP on RAM: outside the direct map, never allocated."""
        return self._set_flag(self.memory, base, size, NOMAP, True)

    def clear_nomap(self, base: int, size: int) -> int:
        """Clear NOMAP."""
        return self._set_flag(self.memory, base, size, NOMAP, False)

    def reserved_mark_noinit(self, base: int, size: int) -> int:
        """Set RSRV_NOINIT on a reservation: its struct pages are not initialised."""
        return self._set_flag(self.reserved, base, size, RSRV_NOINIT, True)

    def set_node(self, base: int, size: int, array: RegionArray, nid: int) -> int:
        """Give a range a node (`memblock_set_node`)."""
        error, start, end = self.isolate_range(array, base, size)
        if error:
            return error
        for region in array.regions[start:end]:
            region.nid = nid
        array.merge(start, end)
        return 0

    def set_bottom_up(self, enable: bool) -> None:
        """Choose the search direction of all later allocations."""
        self.bottom_up = enable

    def set_current_limit(self, limit: int) -> None:
        """Set the end of accessible memory in bytes."""
        self.current_limit = limit

    def allow_resize(self) -> None:
        """Permit the arrays to grow (`memblock_allow_resize`)."""
        self.can_resize = True

    # --- limits -----------------------------------------------------------------------------

    def trim_memory(self, align: int) -> None:
        """Round every RAM region inward to `align` bytes; `total_size` keeps the old sizes."""
        index = 0
        while index < len(self.memory):
            region = self.memory.regions[index]
            start = -(-region.base // align) * align
            end = region.end // align * align
            if start < end:
                region.base, region.size = start, end - start
                index += 1
            else:
                self.memory.remove(index)

    def enforce_memory_limit(self, limit: int) -> None:
        """Drop all RAM beyond `limit` bytes (mem=)."""
        end = self._end_of_limit(limit)
        if end is None:
            return
        self._remove_range(self.memory, end, PHYS_ADDR_MAX)
        self._remove_range(self.reserved, end, PHYS_ADDR_MAX)

    def cap_memory_range(self, base: int, size: int) -> None:
        """Keep only RAM in [base, base + size), and NOMAP regions anywhere."""
        if not size:
            return
        if not self.memory.total_size:
            self._print("memblock_cap_memory_range: No memory registered yet", KERN_WARNING)
            return
        error, start, end = self.isolate_range(self.memory, base, size)
        if error:
            return
        for index in reversed(range(len(self.memory))):
            outside = not start <= index < end
            if outside and not self.memory.regions[index].flags & NOMAP:
                self.memory.remove(index)
        self._remove_range(self.reserved, 0, base)
        self._remove_range(self.reserved, base + size, PHYS_ADDR_MAX)

    def mem_limit_remove_map(self, limit: int) -> None:
        """Cap the memory map to the first `limit` bytes of RAM."""
        end = self._end_of_limit(limit)
        if end is not None:
            self.cap_memory_range(0, end)

    def find(self, size: int, align: int, start: int, end: int, nid: int, flags: int) -> int:
        """`memblock_find_in_range_node`: where a range would fit; reserves nothing."""
        if end in (ALLOC_ACCESSIBLE, ALLOC_NOLEAKTRACE):
            end = self.current_limit
        start = max(start, PAGE_SIZE)
        end = max(start, end)
        if self.bottom_up:
            for low, high, _ in self.free_ranges(nid, flags):
                low, high = min(max(low, start), end), min(max(high, start), end)
                candidate = -(-low // align) * align & PHYS_ADDR_MAX
                if candidate < high and high - candidate >= size:
                    return candidate
            return 0
        for low, high, _ in self.free_ranges_reverse(nid, flags):
            low, high = min(max(low, start), end), min(max(high, start), end)
            if high < size:
                continue
            candidate = (high - size) // align * align
            if candidate >= low:
                return candidate
        return 0

    def find_in_range(self, start: int, end: int, size: int, align: int) -> int:
        """`memblock_find_in_range`: on any node, mirrored memory first; reserves nothing."""
        if self.has_mirror:
            found = self.find(size, align, start, end, NUMA_NO_NODE, MIRROR)
            if found:
                return found
            self._warn_no_mirror(size)
        return self.find(size, align, start, end, NUMA_NO_NODE, NONE)

    # --- iteration --------------------------------------------------------------------------

    def free_ranges(self, nid: int = NUMA_NO_NODE, flags: int = NONE) -> Iterator[_iterate.Range]:
        """Yield free ranges upward as (start, end, nid) (`for_each_free_mem_range`)."""
        return _iterate.free_ranges(self, nid, flags)

    def free_ranges_reverse(
        self, nid: int = NUMA_NO_NODE, flags: int = NONE
    ) -> Iterator[_iterate.Range]:
        """Yield free ranges downward (`for_each_free_mem_range_reverse`)."""
        return _iterate.free_ranges_reverse(self, nid, flags)

    def memory_ranges(self) -> list[tuple[int, int]]:
        """Return RAM as [start, end) bytes, NOMAP left out (`for_each_mem_range`)."""
        return [(r.base, r.end) for r in self.memory.regions if not r.flags & NOMAP]

    def pfn_ranges(self, nid: int = NUMA_NO_NODE) -> list[tuple[int, int, int]]:
        """Return RAM as (start pfn, end pfn, nid) of whole pages (`for_each_mem_pfn_range`)."""
        return _iterate.pfn_ranges(self, nid)

    # --- questions ----------------------------------------------------------------------------

    def phys_mem_size(self) -> int:
        """Bytes of RAM by the running sum."""
        return self.memory.total_size

    def reserved_size(self) -> int:
        """Bytes reserved by the running sum."""
        return self.reserved.total_size

    def estimated_nr_free_pages(self) -> int:
        """Pages of RAM minus pages reserved, by the running sums."""
        return ((self.memory.total_size - self.reserved.total_size) & PHYS_ADDR_MAX) >> PAGE_SHIFT

    def start_of_dram(self) -> int:
        """First byte of RAM."""
        return self.memory.regions[0].base if self.memory.regions else 0

    def end_of_dram(self) -> int:
        """First byte after the last RAM."""
        return self.memory.regions[-1].end if self.memory.regions else 0

    def is_memory(self, address: int) -> bool:
        """Tell whether a physical address is RAM."""
        return self.memory.search(address) is not None

    def is_map_memory(self, address: int) -> bool:
        """Tell whether a physical address is RAM of the direct map."""
        region = self.memory.search(address)
        return region is not None and not region.flags & NOMAP

    def is_reserved(self, address: int) -> bool:
        """Tell whether a physical address is reserved."""
        return self.reserved.search(address) is not None

    def is_region_memory(self, base: int, size: int) -> bool:
        """Tell whether one single RAM region holds [base, base + size)."""
        region = self.memory.search(base)
        return region is not None and base + cap_size(base, size) <= region.end

    def is_region_reserved(self, base: int, size: int) -> bool:
        """Tell whether [base, base + size) *intersects* a reservation."""
        return self.reserved.overlaps(base, size)

    def overlaps_region(self, array: RegionArray, base: int, size: int) -> bool:
        """Tell whether [base, base + size) intersects a region of an array."""
        return array.overlaps(base, size)

    def addrs_overlap(self, base1: int, size1: int, base2: int, size2: int) -> bool:
        """Tell whether two ranges intersect (no capping)."""
        return addrs_overlap(base1, size1, base2, size2)

    def search_pfn_nid(self, pfn: int) -> tuple[int, int, int]:
        """Return (nid, start pfn, end pfn) of the RAM region around a frame, or (-1, 0, 0)."""
        region = self.memory.search(pfn << PAGE_SHIFT)
        if region is None:
            return NUMA_NO_NODE, 0, 0
        return region.nid, region.base >> PAGE_SHIFT, region.end >> PAGE_SHIFT

    # --- inside -------------------------------------------------------------------------------

    def _valid(self, nid: int) -> bool:
        return 0 <= nid < self.max_numnodes

    def _add_range(self, array: RegionArray, base: int, size: int, nid: int, flags: int) -> int:
        size = cap_size(base, size)
        if not size:
            return 0
        end = base + size
        if not array.regions:
            array.insert(0, Region(base, size, flags, nid))
            return 0
        pieces = array.gaps_for(base, end, nid, flags, self._warn_mismatch)
        if len(array) * 2 + 1 > array.capacity and pieces:
            wanted = len(pieces)
            while len(array) + wanted > array.capacity:
                if not self._double(array, base, size):
                    return -ENOMEM
            pieces = array.gaps_for(base, end, nid, flags, self._warn_mismatch)
        if pieces:
            array.insert_pieces(pieces, nid, flags)
        return 0

    def _remove_range(self, array: RegionArray, base: int, size: int) -> int:
        error, start, end = self.isolate_range(array, base, size)
        for index in reversed(range(start, end)):
            array.remove(index)
        return error

    def _set_flag(self, array: RegionArray, base: int, size: int, flag: int, on: bool) -> int:
        error, start, end = self.isolate_range(array, base, size)
        if error:
            return error
        for region in array.regions[start:end]:
            region.flags = region.flags | flag if on else region.flags & ~flag
        array.merge(start, end)
        return 0

    def _end_of_limit(self, limit: int) -> int | None:
        if not limit:
            return None
        for region in self.memory.regions:
            if limit <= region.size:
                return region.base + limit
            limit -= region.size
        return None

    def _double(self, array: RegionArray, new_base: int, new_size: int) -> bool:
        """Double an array (`memblock_double_array`); the new one lives in memory itself."""
        if not self.can_resize:
            from kmemquest.kernel.check.oops import panic

            message = f"memblock: cannot resize {array.name} array"
            if self._machine is None:
                raise RuntimeError(message)
            panic(self._machine, message)
            return False
        size = array.capacity * 2 * REGION_BYTES
        bytes_taken = page_align(size)
        if array is not self.reserved:
            new_base = new_size = 0
        limit = self.current_limit
        found = self.find_in_range(new_base + new_size, limit, bytes_taken, PAGE_SIZE)
        if not found and new_size:
            found = self.find_in_range(0, min(new_base, limit), bytes_taken, PAGE_SIZE)
        if not found:
            self._print(
                f"memblock: Failed to double {array.name} array from "
                f"{array.capacity} to {array.capacity * 2} entries !",
                KERN_ERR,
            )
            return False
        if self.debug:
            self._print(
                f"memblock: {array.name} is doubled to {array.capacity * 2} at "
                f"[{found:#018x}-{found + size - 1:#018x}]"
            )
        old_at, old_bytes = array.array_at, page_align(array.capacity * REGION_BYTES)
        array.array_at = found
        array.capacity *= 2
        if old_at is not None:
            self.phys_free(old_at, old_bytes, "memblock_double_array")
        self.reserve(found, bytes_taken, "memblock_double_array")
        return True

    def _warn_mismatch(self, what: str) -> None:
        self.warnings += 1
        if self._machine is not None:
            from kmemquest.kernel.check.oops import warn

            line = 640 if what == "nid" else 642
            warn(self._machine, "mm/memblock.c", line, "memblock_add_range")

    def _warn_no_mirror(self, size: int) -> None:
        self._print(f"Could not allocate {size:#018x} bytes of mirrored memory", KERN_WARNING)

    def _print(self, text: str, level: int = KERN_INFO) -> None:
        if self._machine is None:
            self.messages.append(text)
        else:
            self._machine.log.print(text, level)

    def _note(self, operation: str, base: int, size: int, caller: str, extra: str = "") -> None:
        machine = self._machine
        if self.debug:
            last = base + size - 1 & PHYS_ADDR_MAX
            name = f"memblock_{operation}"
            self._print(f"{name}: [{base:#018x}-{last:#018x}]{extra} {caller}")
        if machine is not None:
            machine.clock.advance(CALL_COST)
            if machine.events.active:
                machine.events.emit(MemblockChanged(operation, base, base + size, caller))
