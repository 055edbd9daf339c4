"""The per-CPU allocator: one token, one address for every possible CPU (`mm/percpu.c`).

A chunk is a unit of address space per CPU; areas lie at the same offset in each unit. The token
is an offset: `address(token, cpu)` is what `per_cpu_ptr` computes. Sizes are bytes.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.address import (
    ADDRESS_MASK,
    PAGE_OFFSET,
    PAGE_SHIFT,
    PAGE_SIZE,
    VMALLOC_END,
)
from kmemquest.kernel.check.oops import warn
from kmemquest.kernel.events import PercpuAllocated, PercpuFreed, Report
from kmemquest.kernel.log import KERN_INFO, KERN_WARNING
from kmemquest.kernel.text.dump_stack import dump_stack

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

MIN_ALLOC: Final = 4
MAX_ALLOC: Final = 32 << 10
STATIC_BYTES: Final = 233_472
"""DEFINE_PER_CPU variables of the kernel, at the start of each unit of the first chunk."""
RESERVED_BYTES: Final = 8 << 10
"""Room for modules' DEFINE_PER_CPU variables."""
DYNAMIC_BYTES: Final = 28 << 10
"""Room for alloc_percpu in the first chunk."""
ATOM: Final = 2 << 20
"""Chunks in the vmalloc window are aligned to this."""
EMPTY_PAGES_LOW: Final = 2
EMPTY_PAGES_HIGH: Final = 4
FAIL_THRESHOLD: Final = 3
"""Chunks in slots below this that turn out too fragmented are put aside."""
WARN_LIMIT: Final = 10

GFP_MASK: Final = gfp_flags.GFP_KERNEL | gfp_flags.NORETRY | gfp_flags.NOWARN

ALLOC_COST: Final = 400
"""Nanoseconds to find an area."""
FREE_COST: Final = 250
PAGE_COST: Final = 600
"""More of them per page that gets backed."""
CHUNK_COST: Final = 15_000
"""More of them to create a chunk."""


@dataclass(slots=True, eq=False)
class Chunk:
    """A chunk. `base` is CPU 0's address of offset 0; offsets count from there.

    `free` holds the free areas as ascending (start, end) offsets, `used` start -> size.
    `populated` is the set of backed page indices. The first chunk is immutable: always backed.
    """

    base: int
    size: int
    free: list[tuple[int, int]]
    used: dict[int, int] = field(default_factory=dict)
    populated: set[int] = field(default_factory=set)
    pages: dict[tuple[int, int], int] = field(default_factory=dict)
    immutable: bool = False
    slot: int = -1

    @property
    def free_bytes(self) -> int:
        """Free bytes per unit."""
        return sum(end - start for start, end in self.free)

    def fit(self, size: int, align: int, *, populated_only: bool) -> int:
        """Return the lowest offset where an area fits, -1 if there is none."""
        for start, end in self.free:
            offset = -(-start // align) * align
            while offset + size <= end:
                missing = self._first_missing(offset, size) if populated_only else -1
                if missing < 0:
                    return offset
                offset = -(-((missing + 1) << PAGE_SHIFT) // align) * align
        return -1

    def _first_missing(self, offset: int, size: int) -> int:
        last = (offset + size - 1) >> PAGE_SHIFT
        for page in range(offset >> PAGE_SHIFT, last + 1):
            if page not in self.populated:
                return page
        return -1

    def take(self, offset: int, size: int) -> None:
        """Mark an area as used."""
        index = bisect_left(self.free, (offset, self.size + 1)) - 1
        start, end = self.free[index]
        parts = [(start, offset), (offset + size, end)]
        self.free[index : index + 1] = [part for part in parts if part[0] < part[1]]
        self.used[offset] = size

    def give(self, offset: int) -> int:
        """Mark a used area as free again; return its size."""
        size = self.used.pop(offset)
        start, end = offset, offset + size
        index = bisect_left(self.free, (start, end))
        if index < len(self.free) and self.free[index][0] == end:
            end = self.free.pop(index)[1]
        if index and self.free[index - 1][1] == start:
            index -= 1
            start = self.free.pop(index)[0]
        self.free.insert(index, (start, end))
        return size

    def empty_pages(self) -> list[int]:
        """Return the backed pages that no area touches, ascending."""
        if self.immutable:
            lowest = min((start for start, _ in self.free), default=0)
            return [
                page
                for start, end in self.free
                for page in range(-(-start >> PAGE_SHIFT), end >> PAGE_SHIFT)
                if start >= lowest
            ]
        busy: set[int] = set()
        for offset, size in self.used.items():
            busy.update(range(offset >> PAGE_SHIFT, ((offset + size - 1) >> PAGE_SHIFT) + 1))
        return sorted(self.populated - busy)


class PercpuAllocator:
    """alloc_percpu and friends for all possible CPUs of the machine."""

    def __init__(self, machine: Machine) -> None:
        boot = machine.memblock.boot if hasattr(machine, "memblock") else None
        self._machine = machine
        self.cpus = machine.spec.cpus
        self.unit_size = (boot.percpu_unit_bytes if boot is not None else 0) or ATOM
        nodes = {machine.slub.node_of_cpu_number(cpu) for cpu in range(self.cpus)}
        base = boot.percpu_base if boot is not None and len(nodes) == 1 else 0
        self.base = base if base >= PAGE_OFFSET else base + PAGE_OFFSET
        """CPU 0's first unit (`pcpu_base_addr`): a token is relative to it."""
        top_slot = self._size_slot(self.unit_size)
        self.free_slot = top_slot + 1
        self.slots: list[list[Chunk]] = [[] for _ in range(self.free_slot + 1)]
        """Chunks by how much is free; low slots hold the fullest."""
        self.chunks: list[Chunk] = []
        self.balance_is_due = False
        """The kernel's worker has something to do (`pcpu_balance_work`)."""
        self._warnings_left = WARN_LIMIT
        if base:
            self._adopt_first_chunk()
        for cache in machine.slub.caches:
            cache.cpu_area = self.alloc(32, 16)

    def alloc(self, size: int, align: int = 8, gfp: int = gfp_flags.GFP_KERNEL) -> int:
        """Return a token for `size` zeroed bytes on every possible CPU, or 0."""
        machine = self._machine
        gfp = machine.context.scoped_gfp(gfp)
        atomic = not gfp & gfp_flags.DIRECT_RECLAIM
        align = max(align, MIN_ALLOC)
        size = -(-size // MIN_ALLOC) * MIN_ALLOC
        if not size or size > MAX_ALLOC or align > PAGE_SIZE or align & (align - 1):
            self._refuse(size, align, gfp)
            return 0
        if not atomic:
            machine.checks.might_sleep("pcpu_alloc", None, "kernel/locking/mutex.c", 586)
            self.run_balance_work()
        machine.clock.advance(ALLOC_COST)
        chunk, offset = self._find(size, align, atomic=atomic)
        if chunk is None and not atomic:
            if self._create_chunk() is None:
                return self._fail(size, align, gfp, "failed to allocate new chunk")
            chunk, offset = self._find(size, align, atomic=False)
        if chunk is None:
            return self._fail(size, align, gfp, "atomic alloc failed, no space left")
        chunk.take(offset, size)
        self._relocate(chunk)
        if not self._populate(chunk, offset, size, gfp & GFP_MASK):
            chunk.give(offset)
            self._relocate(chunk)
            return self._fail(size, align, gfp, "failed to populate")
        token = (chunk.base + offset - self.base) & ADDRESS_MASK
        self._clear(token, size)
        if self._empty_populated() < EMPTY_PAGES_LOW:
            self.balance_is_due = True
        if machine.events.active:
            machine.events.emit(PercpuAllocated(token, size, align, machine.site))
        return token

    def free(self, token: int) -> None:
        """Free an area; 0 is fine. Legal in any context but NMI."""
        if not token:
            return
        machine = self._machine
        machine.clock.advance(FREE_COST)
        chunk, offset = self._chunk_of(token)
        if chunk is None:
            machine.fault(self.address(token, 0), 8, write=False)
            return
        if offset not in chunk.used:
            if machine.events.active:
                report = Report(
                    "invalid-free", "silent", "", address=token, site=machine.site, spoken=False
                )
                machine.events.emit(report)
            return
        chunk.give(offset)
        self._relocate(chunk)
        if not chunk.used and len(self.slots[self.free_slot]) > 1:
            self.balance_is_due = True
        if machine.events.active:
            machine.events.emit(PercpuFreed(token, machine.site))
        if machine.context.may_sleep:
            self.run_balance_work()

    def address(self, token: int, cpu: int) -> int:
        """Return one CPU's address of an area (`per_cpu_ptr`)."""
        return (token + self.base + cpu * self.unit_size) & ADDRESS_MASK

    def size_of(self, token: int) -> int:
        """Return the size in bytes of a live area, 0 for anything else."""
        chunk, offset = self._chunk_of(token)
        return chunk.used.get(offset, 0) if chunk is not None else 0

    def run_balance_work(self) -> None:
        """Do what the kernel's worker does: free spare chunks, keep backed pages in store."""
        if not self.balance_is_due:
            return
        self.balance_is_due = False
        for chunk in self.slots[self.free_slot][1:]:
            self._destroy_chunk(chunk)
        missing = EMPTY_PAGES_HIGH - self._empty_populated()
        while missing > 0:
            if not self._populate_one() and self._create_chunk() is None:
                return
            missing = EMPTY_PAGES_HIGH - self._empty_populated()

    # --- searching --------------------------------------------------------------------------

    def _find(self, size: int, align: int, *, atomic: bool) -> tuple[Chunk | None, int]:
        """Try the fullest chunks first, in each the lowest place that fits."""
        for slot in range(self._size_slot(size), self.free_slot + 1):
            for chunk in list(self.slots[slot]):
                offset = chunk.fit(size, align, populated_only=atomic)
                if offset >= 0:
                    return chunk, offset
                if slot < FAIL_THRESHOLD:
                    self._move(chunk, 0, front=True)
        return None, 0

    def _size_slot(self, size: int) -> int:
        return max(size.bit_length() - 5 + 2, 1)

    def _relocate(self, chunk: Chunk) -> None:
        """Put a chunk into the slot its free bytes call for (`pcpu_chunk_relocate`)."""
        free = chunk.free_bytes
        if free < MIN_ALLOC:
            slot = 0
        elif free == self.unit_size:
            slot = self.free_slot
        else:
            slot = self._size_slot(free)
        if slot != chunk.slot:
            self._move(chunk, slot, front=chunk.slot < slot)

    def _move(self, chunk: Chunk, slot: int, *, front: bool) -> None:
        if chunk.slot >= 0:
            self.slots[chunk.slot].remove(chunk)
        chunk.slot = slot
        if front:
            self.slots[slot].insert(0, chunk)
        else:
            self.slots[slot].append(chunk)

    def _chunk_of(self, token: int) -> tuple[Chunk | None, int]:
        address = self.address(token, 0)
        for chunk in self.chunks:
            if chunk.base <= address < chunk.base + self.unit_size:
                return chunk, address - chunk.base
        return None, 0

    # --- chunks and their pages -------------------------------------------------------------

    def _adopt_first_chunk(self) -> None:
        """Use what boot embedded in the direct map: behind the static and reserved parts."""
        start = STATIC_BYTES + RESERVED_BYTES
        end = start + DYNAMIC_BYTES
        chunk = Chunk(self.base, self.unit_size, [(start, end)], immutable=True)
        chunk.populated.update(range(start >> PAGE_SHIFT, end >> PAGE_SHIFT))
        self.chunks.append(chunk)
        self._relocate(chunk)

    def _create_chunk(self) -> Chunk | None:
        """Reserve address space for a chunk, as high as possible (`pcpu_get_vm_areas`)."""
        machine = self._machine
        machine.clock.advance(CHUNK_COST)
        total = -(-self.cpus * self.unit_size // ATOM) * ATOM
        base = (VMALLOC_END & -ATOM) - total
        taken = {chunk.base for chunk in self.chunks}
        while base in taken:
            base -= total
        if hasattr(machine, "vmalloc"):
            from kmemquest.kernel.mm.vmap_area import VM_ALLOC, VmArea

            caller = "pcpu_get_vm_areas+0x0/0xe70"
            machine.vmalloc.adopt_area(VmArea(base, total, total, VM_ALLOC, caller))
        chunk = Chunk(base, self.unit_size, [(0, self.unit_size)])
        self.chunks.append(chunk)
        self._relocate(chunk)
        return chunk

    def _destroy_chunk(self, chunk: Chunk) -> None:
        machine = self._machine
        for (cpu, page), pfn in chunk.pages.items():
            machine.memory.unmap_page(self._page_address(chunk, cpu, page))
            machine.pages.free_pages(pfn, 0)
        self.slots[chunk.slot].remove(chunk)
        self.chunks.remove(chunk)
        if hasattr(machine, "vmalloc"):
            area = machine.vmalloc.remove_area(chunk.base)
            if area is not None:
                machine.vmalloc.release_descriptor(area)

    def _populate(self, chunk: Chunk, offset: int, size: int, gfp: int) -> bool:
        """Back the pages of an area that are not backed yet."""
        last = (offset + size - 1) >> PAGE_SHIFT
        wanted = [
            page for page in range(offset >> PAGE_SHIFT, last + 1) if page not in chunk.populated
        ]
        return not wanted or self._back(chunk, wanted, gfp)

    def _back(self, chunk: Chunk, wanted: list[int], gfp: int) -> bool:
        machine = self._machine
        got: dict[tuple[int, int], int] = {}
        for cpu in range(self.cpus):
            for page in wanted:
                node = machine.slub.node_of_cpu_number(cpu)
                machine.clock.advance(PAGE_COST)
                pfn = machine.pages.alloc_pages(gfp | gfp_flags.HIGHMEM, 0, node)
                if pfn < 0:
                    for taken in got.values():
                        machine.pages.free_pages(taken, 0)
                    return False
                got[cpu, page] = pfn
        for (cpu, page), pfn in got.items():
            machine.memory.map_page(self._page_address(chunk, cpu, page), pfn)
        chunk.pages.update(got)
        chunk.populated.update(wanted)
        return True

    def _populate_one(self) -> bool:
        """Back one more page somewhere for atomic callers; False if no chunk has room."""
        for slot in range(self._size_slot(PAGE_SIZE), self.free_slot + 1):
            for chunk in self.slots[slot]:
                if chunk.immutable:
                    continue
                for page in range(chunk.size >> PAGE_SHIFT):
                    if page not in chunk.populated:
                        return self._back(chunk, [page], gfp_flags.GFP_KERNEL)
        return False

    def _page_address(self, chunk: Chunk, cpu: int, page: int) -> int:
        return chunk.base + cpu * self.unit_size + (page << PAGE_SHIFT)

    def _empty_populated(self) -> int:
        return sum(len(chunk.empty_pages()) for chunk in self.chunks)

    def _clear(self, token: int, size: int) -> None:
        memory = self._machine.memory
        for cpu in range(self.cpus):
            address = self.address(token, cpu)
            memory.fill(address, 0, size)
            memory.mark_written(address, size)

    # --- complaints -------------------------------------------------------------------------

    def _refuse(self, size: int, align: int, gfp: int) -> None:
        if gfp & gfp_flags.NOWARN:
            return
        warn(
            self._machine,
            "mm/percpu.c",
            1779,
            "pcpu_alloc_noprof",
            f"illegal size ({size}) or align ({align}) for percpu allocation",
            kind="percpu-illegal-size",
        )

    def _fail(self, size: int, align: int, gfp: int, reason: str) -> int:
        """Print why an allocation failed, ten times at most; return 0."""
        machine = self._machine
        if not gfp & gfp_flags.DIRECT_RECLAIM:
            self.balance_is_due = True
            return 0
        if gfp & gfp_flags.NOWARN or not self._warnings_left:
            return 0
        headline = f"percpu: allocation failed, size={size} align={align} atomic=0, {reason}"
        trace = dump_stack(machine, ("dump_stack_lvl", "pcpu_alloc_noprof"))
        machine.report(
            Report("percpu-failed", "message", headline, (headline, *trace), site=machine.site),
            KERN_WARNING,
        )
        self._warnings_left -= 1
        if not self._warnings_left:
            machine.log.print("percpu: limit reached, disable warning", KERN_INFO)
        return 0
