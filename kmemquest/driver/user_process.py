"""A user process beside the driver: memory at user addresses, and the system calls it makes.

Its pages come from the page allocator as anonymous memory does, so what copy_to_user writes
really lands in frames, and can be looked at afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SIZE, page_align
from kmemquest.kernel.gfp import GFP_HIGHUSER_MOVABLE, ZERO

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

FIRST_ADDRESS: Final = 0x7F00_0000_0000
"""Where buffers are mapped: the area that mmap uses, below the stack."""
PROCESS_STRIDE: Final = 1 << 32
"""Address distance between processes, for the simulated machine has one page table."""


@dataclass(slots=True)
class UserProcess:
    """A process and its one buffer. Sizes are bytes."""

    comm: str
    pid: int
    number: int
    pages: list[int] = field(default_factory=list)
    """The frames behind the buffer, in order."""

    @property
    def buffer(self) -> int:
        """The user address of the buffer."""
        return FIRST_ADDRESS + self.number * PROCESS_STRIDE

    def provide(self, machine: Machine, size: int) -> int:
        """Make the buffer at least `size` bytes long; return its address, 0 without memory."""
        wanted = page_align(max(size, 1)) // PAGE_SIZE
        while len(self.pages) < wanted:
            pfn = machine.pages.alloc_pages(GFP_HIGHUSER_MOVABLE | ZERO, 0)
            if pfn < 0:
                return 0
            machine.memory.map_page(self.buffer + len(self.pages) * PAGE_SIZE, pfn)
            machine.memory.mark_written(self.buffer + len(self.pages) * PAGE_SIZE, PAGE_SIZE)
            self.pages.append(pfn)
        return self.buffer

    def put(self, machine: Machine, data: bytes) -> int:
        """Write data into the buffer, as the program does before a system call."""
        address = self.provide(machine, len(data))
        if address:
            machine.memory.poke(address, data)
        return address

    def look(self, machine: Machine, size: int) -> bytes:
        """Return the first bytes of the buffer."""
        return machine.memory.peek(self.buffer, min(size, len(self.pages) * PAGE_SIZE))

    def exit(self, machine: Machine) -> None:
        """Give the pages back."""
        for index, pfn in enumerate(self.pages):
            machine.memory.unmap_page(self.buffer + index * PAGE_SIZE)
            machine.pages.free_pages(pfn, 0)
        self.pages.clear()
