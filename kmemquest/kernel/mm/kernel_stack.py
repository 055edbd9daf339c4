"""Kernel stacks in the vmalloc window (`kernel/fork.c:alloc_thread_stack_node`, VMAP_STACK).

A stack is an area of 16 KiB aligned to its size. Below it lies the guard page of another area or
nothing at all, so that an overflow faults instead of spilling into a neighbour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import THREAD_SIZE, VMALLOC_END, VMALLOC_START
from kmemquest.kernel.gfp import GFP_KERNEL, ZERO

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

CACHED_STACKS: Final = 2
"""Stacks of ended tasks that a CPU keeps for the next ones (`NR_CACHED_STACKS`)."""
CALLER: Final = "kernel_clone+0xc2/0x430"


class KernelStacks:
    """Maps and unmaps stacks, with the small cache that the kernel keeps."""

    __slots__ = ("_machine", "cached", "mapped")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.cached: list[int] = []
        """Start addresses of idle stacks, the oldest first."""
        self.mapped: list[int] = []
        """Start addresses of the stacks in use that `map_stack` has given."""

    def map_stack(self, size: int = THREAD_SIZE) -> int:
        """Return the address just above a zeroed stack of `size` bytes, 0 on failure."""
        machine = self._machine
        if size == THREAD_SIZE and self.cached:
            start = self.cached.pop(0)
            machine.memory.fill(start, 0, size)
            self.mapped.append(start)
            return start + size
        start = machine.vmalloc.allocate_range(
            size, max(size, THREAD_SIZE), VMALLOC_START, VMALLOC_END, GFP_KERNEL | ZERO, CALLER
        )
        if not start:
            return 0
        self.mapped.append(start)
        return start + size

    def unmap_stack(self, top: int, size: int = THREAD_SIZE) -> None:
        """Give a stack back: to the cache while it has room, else to vfree."""
        start = top - size
        if start in self.mapped:
            self.mapped.remove(start)
        if size == THREAD_SIZE and len(self.cached) < CACHED_STACKS:
            self.cached.append(start)
            return
        self._machine.vmalloc.vfree(start)
