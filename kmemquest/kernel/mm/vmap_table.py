"""Page tables of the mapping window: which frame a page shows, and the tables that costs.

Source: `mm/vmalloc.c:vmap_pages_range_noflush`, `mm/memory.c:__pte_alloc_kernel`. A table covers
2 MiB (pte) or 1 GiB (pmd); tables are shared by neighbouring areas and never given back, except a
pte table that a 2 MiB mapping replaces. Tables above are there from boot on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE
from kmemquest.kernel.gfp import GFP_KERNEL, ZERO

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

PMD_SHIFT: Final = 21
PMD_SIZE: Final = 1 << PMD_SHIFT
PUD_SHIFT: Final = 30
PUD_SIZE: Final = 1 << PUD_SHIFT
PMD_PAGES: Final = PMD_SIZE >> PAGE_SHIFT

MAP_COST: Final = 20
"""Nanoseconds to fill in one entry."""


class VmapTables:
    """The kernel's own page tables below the top level, and the entries in them."""

    __slots__ = ("_machine", "huge", "pmd_tables", "pte_tables")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.pte_tables: dict[int, int] = {}
        """2 MiB number -> frame of its pte table."""
        self.pmd_tables: dict[int, int] = {}
        """1 GiB number -> frame of its pmd table."""
        self.huge: set[int] = set()
        """2 MiB numbers mapped by a single entry."""

    def map_frames(self, start: int, pfns: list[int], *, huge: bool, tables: bool = True) -> bool:
        """Map frames one after the other from `start` on; False when a table found no page.

        With `huge` whole, aligned 2 MiB pieces of contiguous frames become one entry each.
        `tables=False` fills entries without taking pages for tables (before the page allocator).
        """
        machine = self._machine
        index, count = 0, len(pfns)
        while index < count:
            address = start + (index << PAGE_SHIFT)
            if huge and self._fits_huge(address, pfns, index):
                if tables and not self._huge_entry(address):
                    return False
                step = PMD_PAGES
            else:
                if tables and not self._pte_table(address):
                    return False
                rest = (PMD_SIZE - (address & (PMD_SIZE - 1))) >> PAGE_SHIFT
                step = min(rest, count - index)
            page = address >> PAGE_SHIFT
            machine.memory.page_table.update(
                zip(range(page, page + step), pfns[index : index + step], strict=True)
            )
            machine.clock.advance(MAP_COST * (1 if step == PMD_PAGES and huge else step))
            index += step
        return True

    def unmap(self, start: int, size: int) -> None:
        """Clear the entries of [start, start + size) bytes."""
        table = self._machine.memory.page_table
        first = start >> PAGE_SHIFT
        for page in range(first, first + (size >> PAGE_SHIFT)):
            table.pop(page, None)
        if self.huge:
            for number in range(start >> PMD_SHIFT, (start + size + PMD_SIZE - 1) >> PMD_SHIFT):
                self.huge.discard(number)
        self._machine.clock.advance(MAP_COST * (size >> PAGE_SHIFT))

    def table_pages(self) -> int:
        """How many pages the tables themselves take."""
        return len(self.pte_tables) + len(self.pmd_tables)

    def _fits_huge(self, address: int, pfns: list[int], index: int) -> bool:
        if address & (PMD_SIZE - 1) or index + PMD_PAGES > len(pfns):
            return False
        first = pfns[index]
        return (
            first % PMD_PAGES == 0
            and pfns[index + PMD_PAGES - 1] == first + PMD_PAGES - 1
            and pfns[index : index + PMD_PAGES] == list(range(first, first + PMD_PAGES))
        )

    def _huge_entry(self, address: int) -> bool:
        if not self._table(self.pmd_tables, address >> PUD_SHIFT):
            return False
        replaced = self.pte_tables.pop(address >> PMD_SHIFT, None)
        if replaced is not None:
            self._machine.pages.free_pages(replaced, 0)
        self.huge.add(address >> PMD_SHIFT)
        return True

    def _pte_table(self, address: int) -> bool:
        return self._table(self.pmd_tables, address >> PUD_SHIFT) and self._table(
            self.pte_tables, address >> PMD_SHIFT
        )

    def _table(self, tables: dict[int, int], number: int) -> bool:
        if number in tables:
            return True
        machine = self._machine
        pfn = machine.pages.alloc_pages(machine.context.scoped_gfp(GFP_KERNEL | ZERO), 0)
        if pfn < 0:
            return False
        tables[number] = pfn
        return True


def frames_of(physical: int, size: int) -> list[int]:
    """List the frames of a physical range of whole pages."""
    first = physical >> PAGE_SHIFT
    return list(range(first, first + (size + PAGE_SIZE - 1 >> PAGE_SHIFT)))
