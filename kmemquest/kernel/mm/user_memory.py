"""User processes as far as memory sees them: who they are and which frames are theirs.

Sizes are pages. There is no swap: anonymous pages can move but cannot be reclaimed.
Source: `mm/memory.c`, `include/linux/mm.h` (RSS counters), `mm/shmem.c`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.context import Task

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.zone import Zone

SHMEM_OWNER: Final = -1
"""The owner word of the root file system's pages; a positive one is an anonymous page's pid."""
ANONYMOUS_GFP: Final = _gfp.GFP_HIGHUSER_MOVABLE | _gfp.COMP | _gfp.ZERO
ROOTFS_GFP: Final = _gfp.GFP_HIGHUSER | _gfp.COMP
FAULT_COST: Final = 500
"""Nanoseconds of a page fault besides the allocation."""
PAGE_TABLE_BYTES: Final = 4096
PTES_PER_TABLE: Final = 512


@dataclass(slots=True)
class Process:
    """A user process. `total_vm` is its address space, `shmem` its share of shared pages."""

    pid: int
    comm: str
    oom_score_adj: int = 0
    uid: int = 0
    shmem: int = 0
    extra_vm: int = 165
    """Address space without frames: text not touched, stack, gaps."""
    pages: dict[int, None] = field(default_factory=dict)
    dying: bool = False

    @property
    def anon(self) -> int:
        """Resident anonymous pages."""
        return len(self.pages)

    @property
    def rss(self) -> int:
        """All resident pages."""
        return len(self.pages) + self.shmem

    @property
    def total_vm(self) -> int:
        """Pages of address space."""
        return self.rss + self.extra_vm

    @property
    def page_table_bytes(self) -> int:
        """Bytes of page tables: the upper levels and one table per 2 MiB touched."""
        return PAGE_TABLE_BYTES * (7 + len(self.pages) // PTES_PER_TABLE)


class UserMemory:
    """All processes with memory of their own, and the root file system in RAM."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.processes: dict[int, Process] = {}
        self.shmem: dict[int, None] = {}
        """Frames of the root file system, which only exists in memory."""
        self._in_zone: dict[tuple[int, int], int] = {}

    def start(self, process: Process) -> Process:
        """Add a process."""
        self.processes[process.pid] = process
        return process

    def touch(self, process: Process, count: int) -> int:
        """Let a process write to `count` new pages; stop when it is killed or memory is out."""
        context = self._machine.context
        running = context.task
        context.task = Task(process.pid, process.comm)
        done = 0
        while done < count and self._fault(process):
            done += 1
        context.task = running
        return done

    def _fault(self, process: Process) -> bool:
        """Give a process one anonymous page; False when there is none or it was killed."""
        machine = self._machine
        pfn = machine.pages.alloc_pages(ANONYMOUS_GFP, 0)
        machine.clock.advance(FAULT_COST)
        if pfn < 0:
            return False
        if process.dying:
            # Killed while it waited for this very page.
            machine.pages.free_pages(pfn, 0)
            return False
        self._own(pfn, process.pid)
        process.pages[pfn] = None
        return True

    def fill_rootfs(self, count: int) -> int:
        """Unpack `count` pages of the initial RAM disk into the root file system."""
        done = 0
        for _ in range(count):
            pfn = self._machine.pages.alloc_pages(ROOTFS_GFP, 0)
            if pfn < 0:
                break
            self._own(pfn, SHMEM_OWNER)
            self.shmem[pfn] = None
            done += 1
        return done

    def exit(self, process: Process) -> int:
        """End a process and free its frames; return how many pages came back."""
        pages = self._machine.pages
        freed = list(process.pages)
        for pfn in freed:
            self._disown(pfn)
            pages.free_pages(pfn, 0)
        process.pages.clear()
        self.processes.pop(process.pid, None)
        return len(freed)

    def moved(self, source: int, target: int) -> None:
        """Note that compaction moved a page."""
        owner = self._machine.pages.movable[source]
        holder = self.shmem if owner == SHMEM_OWNER else self.processes[owner].pages
        del holder[source]
        holder[target] = None
        self._disown(source)
        self._own(target, owner)

    def in_zone(self, zone: Zone) -> int:
        """Return the anonymous and shared-memory pages of one zone."""
        return self._in_zone.get((zone.node, zone.index), 0)

    @property
    def anonymous(self) -> int:
        """Anonymous pages of all processes."""
        return sum(len(process.pages) for process in self.processes.values())

    def _own(self, pfn: int, owner: int) -> None:
        pages = self._machine.pages
        pages.movable[pfn] = owner
        pages.frames.set_lru(pfn)
        self._count(pfn, 1)

    def _disown(self, pfn: int) -> None:
        pages = self._machine.pages
        del pages.movable[pfn]
        pages.frames.clear_lru(pfn)
        self._count(pfn, -1)

    def _count(self, pfn: int, change: int) -> None:
        zone = self._machine.pages.zone_of(pfn)
        key = zone.node, zone.index
        self._in_zone[key] = self._in_zone.get(key, 0) + change
