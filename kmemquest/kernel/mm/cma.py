"""The contiguous memory area: large blocks for devices, at run time (`mm/cma.c`).

It exists with the boot word `cma=16M`. Here its frames are kept apart; on a real kernel movable
pages live in them meanwhile. Sizes are pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SHIFT, page_align
from kmemquest.kernel.boot_layout import FOUR_GIB
from kmemquest.kernel.check.schedule import schedule_bug
from kmemquest.kernel.log import KERN_ERR, KERN_INFO
from kmemquest.kernel.mm.memblock_map import NUMA_NO_NODE
from kmemquest.kernel.spec import parse_size

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

ALIGNMENT_ORDER: Final = 8
"""Blocks are aligned to their size, up to this order (CONFIG_CMA_ALIGNMENT)."""
AREA_ALIGN: Final = 4 << 20
"""An area consists of whole pageblocks of the largest order."""
NAME: Final = "reserved"
ALLOC_COST: Final = 60_000
"""Nanoseconds to isolate and empty a range (`alloc_contig_range`)."""


class CmaArea:
    """One area of `count` frames from `base` on, with a bitmap of what is taken."""

    def __init__(self, machine: Machine, base: int, count: int) -> None:
        self._machine = machine
        self.base = base
        self.count = count
        self._taken = 0

    def alloc(self, count: int, order: int, *, quiet: bool = False) -> int:
        """Take `count` frames aligned for `order`; the first pfn, -1 when there is no room.

        It empties the range first, which sleeps: in atomic context that is a scheduling bug on
        every kernel.
        """
        machine = self._machine
        if not 0 < count <= self.count:
            return -1
        machine.checks.might_sleep("cma_alloc", None, "kernel/locking/mutex.c", 586)
        step = 1 << min(order, ALIGNMENT_ORDER)
        mask = (1 << count) - 1
        for index in range(-self.base % step, self.count - count + 1, step):
            if not self._taken >> index & mask:
                if machine.context.preempt_count:
                    schedule_bug(machine, "__flush_work")
                machine.clock.advance(ALLOC_COST)
                self._taken |= mask << index
                return self.base + index
        if not quiet:
            self._complain(count)
        return -1

    def release(self, pfn: int, count: int) -> bool:
        """Give frames back; False when they are none of this area's."""
        if not self.base <= pfn < self.base + self.count:
            return False
        self._taken &= ~(((1 << count) - 1) << pfn - self.base)
        if self._machine.checks.kasan is not None:
            self._machine.checks.kasan.stack_saved()
        return True

    @property
    def free(self) -> int:
        """Frames that nobody has taken."""
        return self.count - self._taken.bit_count()

    def _complain(self, count: int) -> None:
        log = self._machine.log
        head = f"cma: __cma_alloc: {NAME}: alloc failed"
        log.print(f"{head}, req-size: {count} pages, ret: -12", KERN_ERR)
        runs = [f"{size}@{start}" for start, size in self._free_runs()]
        shown = f"{'+'.join(runs)}=> {self.free} free of {self.count} total pages"
        log.print(f"cma: number of available pages: {shown}", KERN_INFO)

    def _free_runs(self) -> list[tuple[int, int]]:
        runs: list[tuple[int, int]] = []
        index = 0
        while index < self.count:
            start = index
            while index < self.count and not self._taken >> index & 1:
                index += 1
            if index > start:
                runs.append((start, index - start))
            index += 1
        return runs


def reserve(machine: Machine) -> None:
    """Set the area aside while memblock rules (`dma_contiguous_reserve`).

    Above 4 GiB, from below, if there is so much RAM: out of the way of zones DMA and DMA32.
    Otherwise as high as it fits (`mm/cma.c:cma_declare_contiguous_nid`).
    """
    words = machine.spec.option("cma")
    if not words:
        return
    size = -(-parse_size(words) // AREA_ALIGN) * AREA_ALIGN
    memblock = machine.memblock
    end = memblock.end_of_dram()
    caller, base = "cma_declare_contiguous_nid", 0
    if end >= FOUR_GIB + size:
        memblock.set_bottom_up(True)
        base = memblock.alloc_range_nid(size, AREA_ALIGN, FOUR_GIB, end, NUMA_NO_NODE, True, caller)
        memblock.set_bottom_up(False)
    if not base:
        base = memblock.alloc_range_nid(size, AREA_ALIGN, 0, end, NUMA_NO_NODE, True, caller)
    if base:
        memblock.boot.cma = (base, size)
        place = f"{size >> 20} MiB at {base:#018x}"
        machine.log.print(f"cma: Reserved {place} on node {NUMA_NO_NODE}", KERN_INFO)


def area_of(machine: Machine) -> CmaArea | None:
    """Return the default area of a machine, made on first use; None without one."""
    base, size = machine.memblock.boot.cma
    if not size:
        return None
    return CmaArea(machine, base >> PAGE_SHIFT, page_align(size) >> PAGE_SHIFT)
