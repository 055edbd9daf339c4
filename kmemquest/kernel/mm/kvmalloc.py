"""kvmalloc: kmalloc if it works out, else vmalloc (`mm/util.c:__kvmalloc_node_noprof`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SIZE, is_vmalloc_address
from kmemquest.kernel.check.oops import warn_once
from kmemquest.kernel.gfp import NOFAIL, NORETRY, NOWARN, RETRY_MAYFAIL, allows_blocking

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

INT_MAX: Final = (1 << 31) - 1


def adjust_gfp(gfp: int, size: int) -> int:
    """Return the mask of the kmalloc attempt: quiet and cheap when vmalloc can step in."""
    if size > PAGE_SIZE:
        gfp |= NOWARN
        if not gfp & RETRY_MAYFAIL:
            gfp |= NORETRY
        gfp &= ~NOFAIL
    return gfp


class KvMalloc:
    """The kv family; sizes are bytes, 0 is NULL."""

    __slots__ = ("_machine",)

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def kvmalloc(self, size: int, gfp: int, nid: int | None = None) -> int:
        """Allocate; never vmalloc up to one page, nor for callers that cannot sleep."""
        machine = self._machine
        address = machine.kmalloc.kmalloc(size, adjust_gfp(gfp, size), nid)
        if address or size <= PAGE_SIZE:
            return address
        if not allows_blocking(gfp):
            return 0
        if size > INT_MAX:
            if not gfp & NOWARN:
                warn_once(
                    machine,
                    "kvmalloc-int-max",
                    "mm/util.c",
                    670,
                    "__kvmalloc_node_noprof+0xc1/0xd0",
                    kind="kvmalloc-too-large",
                )
            return 0
        return machine.vmalloc.vmalloc_huge(size, gfp, nid)

    def kvcalloc(self, count: int, size: int, gfp: int) -> int:
        """Allocate an array, 0 when count * size overflows 64 bits."""
        total = count * size
        return 0 if total >= 1 << 64 else self.kvmalloc(total, gfp)

    def kvfree(self, address: int) -> None:
        """Free either kind by where the address lies."""
        if is_vmalloc_address(address):
            self._machine.vmalloc.vfree(address)
        else:
            self._machine.kmalloc.kfree(address)

    def kvrealloc(self, address: int, size: int, gfp: int) -> int:
        """Resize either kind; kmalloc memory may move to vmalloc, never back."""
        machine = self._machine
        if is_vmalloc_address(address):
            return machine.vmalloc.vrealloc(address, size, gfp)
        resized = machine.kmalloc.krealloc(address, size, adjust_gfp(gfp, size))
        if resized:
            return resized
        moved = self.kvmalloc(size, gfp)
        if moved and address:
            old = machine.kmalloc.ksize(address)
            machine.memory.poke(moved, machine.memory.peek(address, min(old, size)))
            machine.kmalloc.kfree(address)
        return moved
