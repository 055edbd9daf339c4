"""Bytes behind page frames, and the page table of the kernel's half of the address space.

Frames that nobody has written cost nothing and read as zero. The direct map is arithmetic; every
other mapping (vmalloc, modules, stacks, MMIO, one user process) is an entry of `page_table`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import (
    ADDRESS_MASK,
    PAGE_OFFSET,
    PAGE_SHIFT,
    PAGE_SIZE,
    STRUCT_PAGE_SIZE,
    VMEMMAP_START,
)
from kmemquest.kernel.mm.frame import PAGEBLOCK_SHIFT

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

_OFFSET_MASK: Final = PAGE_SIZE - 1
PAGEBLOCK_FRAMES: Final = 1 << PAGEBLOCK_SHIFT
SECTION_PAGES: Final = 1 << 15
"""Pages of a memory section, 128 MiB: struct pages exist for whole sections."""
MEMORY_MAP: Final = 1 << 53
"""Where the bytes of struct pages are kept: beyond all RAM. What the allocator knows of a frame
is in its own tables; these bytes are what a driver puts into the fields it may use."""


class Memory:
    """Physical frames (sparse) and the mappings through which a CPU sees them."""

    def __init__(self, machine: Machine, max_pfn: int) -> None:
        self._machine = machine
        self.max_pfn = max_pfn
        """First frame number after the last RAM; the direct map ends there."""
        self.frames: dict[int, bytearray] = {}
        """Contents of touched frames; an absent frame reads as zero."""
        self.page_table: dict[int, int] = {}
        """Virtual page number -> pfn, for all mappings but the direct map."""
        self.stale: dict[int, bytearray] = {}
        """pfn -> one byte per byte: 1 where the present owner has never written."""
        self.read_only: set[int] = set()
        """Virtual page numbers whose mapping forbids stores: a module's text and constants."""
        self.touched: dict[int, int] = {}
        """Pageblock number -> a bit for each of its frames that may be in `frames` or `stale`."""

    # --- translation ----------------------------------------------------------------------

    def translate(self, address: int) -> int | None:
        """Return the physical address behind a virtual one, None where nothing is mapped."""
        offset = address - PAGE_OFFSET
        if 0 <= offset < self.max_pfn << PAGE_SHIFT:
            return offset
        pfn = self.page_table.get(address >> PAGE_SHIFT)
        if pfn is None:
            place = address - VMEMMAP_START
            if 0 <= place < -(-self.max_pfn // SECTION_PAGES) * SECTION_PAGES * STRUCT_PAGE_SIZE:
                return MEMORY_MAP + place
            return None
        return pfn << PAGE_SHIFT | address & _OFFSET_MASK

    def map_page(self, address: int, pfn: int) -> None:
        """Map one page at a page-aligned virtual address."""
        self.page_table[address >> PAGE_SHIFT] = pfn

    def unmap_page(self, address: int) -> None:
        """Remove the mapping of one page, if there is one."""
        self.page_table.pop(address >> PAGE_SHIFT, None)
        self.read_only.discard(address >> PAGE_SHIFT)

    def protect(self, address: int, size: int) -> None:
        """Forbid stores to the pages of `size` bytes (`set_memory_ro`)."""
        last = address + size - 1
        self.read_only.update(range(address >> PAGE_SHIFT, (last >> PAGE_SHIFT) + 1))

    # --- checked access: what driver code does ----------------------------------------------

    def load(self, address: int, size: int) -> int:
        """Load a little-endian unsigned value of 1, 2, 4 or 8 bytes, as the CPU would.

        A bad address becomes an oops of the running task and the value 0.
        """
        data = self.load_bytes(address, size)
        return int.from_bytes(data, "little") if data is not None else 0

    def store(self, address: int, size: int, value: int) -> None:
        """Store a little-endian value of 1, 2, 4 or 8 bytes, as the CPU would."""
        self.store_bytes(address, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))

    def load_bytes(self, address: int, size: int) -> bytes | None:
        """Load `size` bytes through the checkers; None when the access faulted."""
        address &= ADDRESS_MASK
        kasan = self._machine.checks.kasan
        if kasan is not None:
            kasan.check_access(address, size, write=False)
        shadow = self._machine.checks.shadow
        if shadow is not None:
            shadow.check_access(address, size, write=False)
        physical = self._physical_run(address, size)
        if physical is None:
            self._machine.fault(address, size, write=False)
            return None
        return self._gather(physical, address, size)

    def store_bytes(self, address: int, data: bytes) -> bool:
        """Store bytes through the checkers; False when the access faulted."""
        address &= ADDRESS_MASK
        kasan = self._machine.checks.kasan
        if kasan is not None:
            kasan.check_access(address, len(data), write=True)
        shadow = self._machine.checks.shadow
        if shadow is not None:
            shadow.check_access(address, len(data), write=True)
        physical = self._physical_run(address, len(data))
        if physical is None:
            self._machine.fault(address, len(data), write=True)
            return False
        if self.read_only and not self.read_only.isdisjoint(
            (address >> PAGE_SHIFT, address + len(data) - 1 >> PAGE_SHIFT)
        ):
            self._machine.fault(address, len(data), write=True, present=True)
            return False
        self._scatter(physical, address, data)
        return True

    # --- unchecked access: what the kernel itself and devices do ----------------------------

    def peek(self, address: int, size: int) -> bytes:
        """Read bytes without any check; unmapped pages read as zero."""
        parts = []
        while size > 0:
            chunk = min(size, PAGE_SIZE - (address & _OFFSET_MASK))
            physical = self.translate(address)
            parts.append(bytes(chunk) if physical is None else self.read_physical(physical, chunk))
            address += chunk
            size -= chunk
        return b"".join(parts)

    def poke(self, address: int, data: bytes) -> None:
        """Write bytes without any check; unmapped pages swallow them."""
        position = 0
        while position < len(data):
            chunk = min(len(data) - position, PAGE_SIZE - (address & _OFFSET_MASK))
            physical = self.translate(address)
            if physical is not None:
                self.write_physical(physical, data[position : position + chunk])
            address += chunk
            position += chunk

    def read_physical(self, physical: int, size: int) -> bytes:
        """Read bytes of physical memory; frames never written read as zero."""
        parts = []
        while size > 0:
            offset = physical & _OFFSET_MASK
            chunk = min(size, PAGE_SIZE - offset)
            frame = self.frames.get(physical >> PAGE_SHIFT)
            parts.append(bytes(chunk) if frame is None else bytes(frame[offset : offset + chunk]))
            physical += chunk
            size -= chunk
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write_physical(self, physical: int, data: bytes) -> None:
        """Write bytes of physical memory and mark them as written by the present owner."""
        position = 0
        while position < len(data):
            pfn = physical >> PAGE_SHIFT
            offset = physical & _OFFSET_MASK
            chunk = min(len(data) - position, PAGE_SIZE - offset)
            frame = self.frames.get(pfn)
            if frame is None:
                frame = self.frames[pfn] = bytearray(PAGE_SIZE)
                self._touch(pfn)
            if physical >= MEMORY_MAP:
                self._machine.pages.note_written_map(physical - MEMORY_MAP, chunk)
            frame[offset : offset + chunk] = data[position : position + chunk]
            marks = self.stale.get(pfn)
            if marks is not None:
                marks[offset : offset + chunk] = bytes(chunk)
            physical += chunk
            position += chunk

    def fill(self, address: int, value: int, size: int) -> None:
        """Fill bytes without checks (the kernel zeroing or poisoning its own memory)."""
        while size > 0:
            offset = address & _OFFSET_MASK
            chunk = min(size, PAGE_SIZE - offset)
            physical = self.translate(address)
            if physical is not None:
                pfn = physical >> PAGE_SHIFT
                if value == 0 and chunk == PAGE_SIZE:
                    self.zero_frames(pfn, 1)
                elif value or pfn in self.frames or pfn in self.stale:
                    self.write_physical(physical, bytes([value]) * chunk)
            address += chunk
            size -= chunk

    def zero_frames(self, pfn: int, count: int) -> None:
        """Zero whole frames; costs nothing for frames never written."""
        end = pfn + count
        for block in range(pfn >> PAGEBLOCK_SHIFT, (end - 1 >> PAGEBLOCK_SHIFT) + 1):
            touched = self.touched.get(block)
            if touched is None:
                continue
            start = block << PAGEBLOCK_SHIFT
            window = (1 << min(end - start, PAGEBLOCK_FRAMES)) - (1 << max(pfn - start, 0))
            hit = touched & window
            if hit == touched:
                del self.touched[block]
            else:
                self.touched[block] = touched ^ hit
            while hit:
                lowest = hit & -hit
                frame = start + lowest.bit_length() - 1
                self.frames.pop(frame, None)
                self.stale.pop(frame, None)
                hit ^= lowest

    def move_frame(self, source: int, target: int) -> None:
        """Give a frame the contents of another, which then reads as zero."""
        self.zero_frames(target, 1)
        contents = self.frames.get(source)
        marks = self.stale.get(source)
        self.zero_frames(source, 1)
        if contents is not None:
            self.frames[target] = contents
            self._touch(target)
        if marks is not None:
            self.stale[target] = marks
            self._touch(target)

    def _touch(self, pfn: int) -> None:
        block = pfn >> PAGEBLOCK_SHIFT
        self.touched[block] = self.touched.get(block, 0) | 1 << (pfn & PAGEBLOCK_FRAMES - 1)

    def struct_page(self, pfn: int) -> bytes | None:
        """Return what drivers wrote into a frame's struct page; None where nobody wrote."""
        place = MEMORY_MAP + pfn * STRUCT_PAGE_SIZE
        if place >> PAGE_SHIFT not in self.frames:
            return None
        return self.read_physical(place, STRUCT_PAGE_SIZE)

    # --- who wrote what: the basis of "stale data" ------------------------------------------

    def mark_stale(self, address: int, size: int) -> None:
        """Mark bytes as never written by their present owner."""
        self._mark(address, size, 1)

    def mark_written(self, address: int, size: int) -> None:
        """Mark bytes as written by their present owner (zeroed on allocation, say)."""
        self._mark(address, size, 0)

    def count_stale(self, address: int, size: int) -> tuple[int, int]:
        """Return (stale bytes, stale bytes that are not zero) in a range."""
        stale = revealed = 0
        while size > 0:
            chunk = min(size, PAGE_SIZE - (address & _OFFSET_MASK))
            physical = self.translate(address)
            marks = None if physical is None else self.stale.get(physical >> PAGE_SHIFT)
            if marks is not None and physical is not None:
                offset = physical & _OFFSET_MASK
                part = marks[offset : offset + chunk]
                if any(part):
                    data = self.read_physical(physical, chunk)
                    stale += sum(part)
                    revealed += sum(
                        1 for mark, byte in zip(part, data, strict=True) if mark and byte
                    )
            address += chunk
            size -= chunk
        return stale, revealed

    def _mark(self, address: int, size: int, value: int) -> None:
        while size > 0:
            chunk = min(size, PAGE_SIZE - (address & _OFFSET_MASK))
            physical = self.translate(address)
            if physical is not None:
                pfn, offset = physical >> PAGE_SHIFT, physical & _OFFSET_MASK
                marks = self.stale.get(pfn)
                if marks is None and value:
                    marks = self.stale[pfn] = bytearray(PAGE_SIZE)
                    self._touch(pfn)
                if marks is not None:
                    marks[offset : offset + chunk] = bytes([value]) * chunk
            address += chunk
            size -= chunk

    # --- runs across page borders -----------------------------------------------------------

    def _physical_run(self, address: int, size: int) -> int | None:
        """Translate the first byte; None when any page of the run is unmapped."""
        physical = self.translate(address)
        if physical is None or (address & _OFFSET_MASK) + size <= PAGE_SIZE:
            return physical
        page = (address | _OFFSET_MASK) + 1
        while page < address + size:
            if self.translate(page) is None:
                return None
            page += PAGE_SIZE
        return physical

    def _gather(self, physical: int, address: int, size: int) -> bytes:
        offset = physical & _OFFSET_MASK
        if offset + size <= PAGE_SIZE:
            frame = self.frames.get(physical >> PAGE_SHIFT)
            return bytes(size) if frame is None else bytes(frame[offset : offset + size])
        return self.peek(address, size)

    def _scatter(self, physical: int, address: int, data: bytes) -> None:
        if (physical & _OFFSET_MASK) + len(data) <= PAGE_SIZE:
            self.write_physical(physical, data)
        else:
            self.poke(address, data)
