"""memblock, the allocator of the early boot: what RAM there is, and what of it is taken.

Sizes, limits and addresses are bytes; allocation calls return a direct-map address, the `phys_`
ones a physical address, and 0 for failure. Free memory is stored nowhere: it is `memory` minus
`reserved`. Source: `mm/memblock.c`, `include/linux/memblock.h`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.address import PAGE_OFFSET, page_align, pfn_to_virt, virt_to_pfn
from kmemquest.kernel.events import MemblockChanged
from kmemquest.kernel.log import KERN_ERR
from kmemquest.kernel.mm.memblock_map import (
    ALLOC_ACCESSIBLE,
    ARCH_LOW_ADDRESS_LIMIT,
    CALL_COST,
    NUMA_NO_NODE,
    MemblockMap,
)
from kmemquest.kernel.mm.memblock_regions import MIRROR, NONE

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

ZERO_COST_PER_KIB: Final = 100
"""Nanoseconds to zero 1 KiB."""


class Memblock(MemblockMap):
    """The boot allocator of one machine."""

    # --- allocation: direct-map addresses -----------------------------------------------------

    def alloc(self, size: int, align: int, caller: str = "") -> int:
        """`memblock_alloc`: zeroed memory anywhere accessible."""
        return self.alloc_try_nid(size, align, 0, ALLOC_ACCESSIBLE, NUMA_NO_NODE, caller)

    def alloc_raw(self, size: int, align: int, caller: str = "") -> int:
        """`memblock_alloc_raw`: as `alloc`, not zeroed."""
        return self.alloc_try_nid_raw(size, align, 0, ALLOC_ACCESSIBLE, NUMA_NO_NODE, caller)

    def alloc_from(self, size: int, align: int, min_addr: int, caller: str = "") -> int:
        """`memblock_alloc_from`: zeroed, at `min_addr` or above if that is possible."""
        return self.alloc_try_nid(size, align, min_addr, ALLOC_ACCESSIBLE, NUMA_NO_NODE, caller)

    def alloc_low(self, size: int, align: int, caller: str = "") -> int:
        """`memblock_alloc_low`: zeroed, below 4 GiB."""
        return self.alloc_try_nid(size, align, 0, ARCH_LOW_ADDRESS_LIMIT, NUMA_NO_NODE, caller)

    def alloc_node(self, size: int, align: int, nid: int, caller: str = "") -> int:
        """`memblock_alloc_node`: zeroed, on a node if that is possible."""
        return self.alloc_try_nid(size, align, 0, ALLOC_ACCESSIBLE, nid, caller)

    def alloc_try_nid(
        self, size: int, align: int, min_addr: int, max_addr: int, nid: int, caller: str = ""
    ) -> int:
        """`memblock_alloc_try_nid`: zeroed; node and lower limit are preferences."""
        self._note_alloc("memblock_alloc_try_nid", size, align, min_addr, max_addr, nid, caller)
        address = self._alloc_internal(size, align, min_addr, max_addr, nid, False, caller)
        self._zero(address, size)
        return address

    def alloc_try_nid_raw(
        self, size: int, align: int, min_addr: int, max_addr: int, nid: int, caller: str = ""
    ) -> int:
        """`memblock_alloc_try_nid_raw`: as `alloc_try_nid`, not zeroed."""
        name = "memblock_alloc_try_nid_raw"
        self._note_alloc(name, size, align, min_addr, max_addr, nid, caller)
        return self._alloc_internal(size, align, min_addr, max_addr, nid, False, caller)

    def alloc_exact_nid_raw(
        self, size: int, align: int, min_addr: int, max_addr: int, nid: int, caller: str = ""
    ) -> int:
        """`memblock_alloc_exact_nid_raw`: not zeroed, from that node or not at all."""
        name = "memblock_alloc_exact_nid_raw"
        self._note_alloc(name, size, align, min_addr, max_addr, nid, caller)
        return self._alloc_internal(size, align, min_addr, max_addr, nid, True, caller)

    # --- allocation: physical addresses -------------------------------------------------------

    def phys_alloc(self, size: int, align: int, caller: str = "") -> int:
        """`memblock_phys_alloc`: physical address, not zeroed."""
        return self.phys_alloc_range(size, align, 0, ALLOC_ACCESSIBLE, caller)

    def phys_alloc_range(
        self, size: int, align: int, start: int, end: int, caller: str = ""
    ) -> int:
        """`memblock_phys_alloc_range`: physical address inside [start, end), not zeroed."""
        if self.debug:
            self._print(
                f"memblock_phys_alloc_range: {size} bytes align={align:#x} "
                f"from={start:#018x} max_addr={end:#018x} {caller}"
            )
        return self.alloc_range_nid(size, align, start, end, NUMA_NO_NODE, False, caller)

    def phys_alloc_try_nid(self, size: int, align: int, nid: int, caller: str = "") -> int:
        """`memblock_phys_alloc_try_nid`: physical address, on a node if that is possible."""
        return self.alloc_range_nid(size, align, 0, ALLOC_ACCESSIBLE, nid, False, caller)

    def alloc_range_nid(
        self, size: int, align: int, start: int, end: int, nid: int, exact: bool, caller: str = ""
    ) -> int:
        """`memblock_alloc_range_nid`: the heart of all allocation calls; physical address or 0."""
        machine = self._machine
        if machine is not None:
            machine.clock.advance(CALL_COST)
            if machine.slab_is_available:
                return self._alloc_late(machine, size)
        if not align:
            self._dump_stack()
            align = self.cache_bytes
        flags = MIRROR if self.has_mirror else NONE
        while True:
            for node in (nid, NUMA_NO_NODE) if self._valid(nid) and not exact else (nid,):
                found = self.find(size, align, start, end, node, flags)
                if found and not self._add_range(
                    self.reserved, found, size, self.max_numnodes, NONE
                ):
                    self._note_found(found, size, caller)
                    return found
            if not flags & MIRROR:
                return 0
            self._warn_no_mirror(size)
            flags &= ~MIRROR

    # --- inside ---

    def _alloc_internal(
        self,
        size: int,
        align: int,
        min_addr: int,
        max_addr: int,
        nid: int,
        exact: bool,
        caller: str,
    ) -> int:
        max_addr = min(max_addr, self.current_limit)
        found = self.alloc_range_nid(size, align, min_addr, max_addr, nid, exact, caller)
        if not found and min_addr:
            found = self.alloc_range_nid(size, align, 0, max_addr, nid, exact, caller)
        return found + self.virtual_base if found else 0

    def _alloc_late(self, machine: Machine, size: int) -> int:
        """Serve a call that comes after the slab allocator is up; alignment and range are lost."""
        from kmemquest.kernel.check.oops import warn_once

        where = "memblock_alloc_range_nid"
        warn_once(machine, where, "mm/memblock.c", 1455, where)
        address = machine.kmalloc.kzalloc(size, _gfp.GFP_NOWAIT)
        return address - PAGE_OFFSET if address else 0

    def _zero(self, address: int, size: int) -> None:
        machine = self._machine
        if machine is None or not address:
            return
        machine.clock.advance(size * ZERO_COST_PER_KIB >> 10)
        memory = machine.memory
        first, last = virt_to_pfn(page_align(address)), virt_to_pfn(address + size)
        if first >= last:
            memory.fill(address, 0, size)
            return
        memory.fill(address, 0, pfn_to_virt(first) - address)
        memory.zero_frames(first, last - first)
        memory.fill(pfn_to_virt(last), 0, address + size - pfn_to_virt(last))

    def _dump_stack(self) -> None:
        machine = self._machine
        if machine is None:
            self.messages.append("dump_stack")
            return
        from kmemquest.kernel.text.dump_stack import dump_stack

        for line in dump_stack(machine, ("dump_stack_lvl", "memblock_alloc_range_nid")):
            machine.log.print(line, KERN_ERR)

    def _note_alloc(
        self, name: str, size: int, align: int, low: int, high: int, nid: int, caller: str
    ) -> None:
        if self.debug:
            self._print(
                f"{name}: {size} bytes align={align:#x} nid={nid} "
                f"from={low:#018x} max_addr={high:#018x} {caller}"
            )

    def _note_found(self, base: int, size: int, caller: str) -> None:
        machine = self._machine
        if self.debug:
            where = "memblock_alloc_range_nid+0xb6/0x160"
            self._print(f"memblock_reserve: [{base:#018x}-{base + size - 1:#018x}] {where}")
        if machine is not None and machine.events.active:
            machine.events.emit(MemblockChanged("alloc", base, base + size, caller))
