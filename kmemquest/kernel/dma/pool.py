"""dma_pool: small blocks of coherent memory (`mm/dmapool.c`).

A free block holds, in its own first 16 bytes, the address of the next free block and its bus
address. That chain is kept in simulated memory, so a driver that writes to a freed block breaks
it just as it breaks the kernel's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SIZE
from kmemquest.kernel.gfp import GFP_KERNEL, ZERO
from kmemquest.kernel.log import KERN_ERR

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import Device
    from kmemquest.kernel.machine import Machine

BLOCK_HEADER: Final = 16
"""sizeof(struct dma_block): the smallest block."""
POOL_RECORD: Final = 136
"""sizeof(struct dma_pool)."""
PAGE_RECORD: Final = 32
"""sizeof(struct dma_page)."""
INT_MAX: Final = (1 << 31) - 1
ALLOC_COST: Final = 22
FREE_COST: Final = 17


@dataclass(frozen=True, slots=True)
class PoolPage:
    """One coherent allocation of a pool."""

    address: int
    handle: int
    record: int


@dataclass(slots=True)
class DmaPool:
    """A pool; sizes in bytes. `next_block` is the address of the first free block, 0 for none."""

    address: int
    name: str
    device: Device
    size: int
    allocation: int
    boundary: int
    next_block: int = 0
    active: int = 0
    blocks: int = 0
    pages: list[PoolPage] = field(default_factory=list)


def geometry(size: int, align: int, boundary: int) -> tuple[int, int, int] | None:
    """Return (block size, allocation, boundary) in bytes, None for an impossible request."""
    if align == 0:
        align = 1
    elif align & (align - 1):
        return None
    if size == 0 or size > INT_MAX:
        return None
    size = (max(size, BLOCK_HEADER) + align - 1) & -align
    allocation = max(size, PAGE_SIZE)
    if not boundary:
        boundary = allocation
    elif boundary < size or boundary & (boundary - 1):
        return None
    return size, allocation, min(boundary, allocation)


def block_offsets(size: int, allocation: int, boundary: int) -> list[int]:
    """Return where the blocks of a page begin: ascending, none across a boundary."""
    offsets, offset, border = [], 0, boundary
    while offset + size <= allocation:
        if offset + size > border:
            offset = border
            border += boundary
            continue
        offsets.append(offset)
        offset += size
    return offsets


class DmaPools:
    """All pools of a machine, by the address of their `struct dma_pool`."""

    __slots__ = ("_machine", "pools")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.pools: dict[int, DmaPool] = {}

    def create(self, name: str, device: Device | None, size: int, align: int, boundary: int) -> int:
        """Create a pool; its address, or 0."""
        machine = self._machine
        shape = geometry(size, align, boundary)
        if device is None or shape is None:
            return 0
        address = machine.kmalloc.kmalloc(POOL_RECORD, GFP_KERNEL)
        if not address:
            return 0
        # The list of pools of a device is under a mutex.
        machine.checks.might_sleep("dma_pool_create", None, "kernel/locking/mutex.c", 585)
        self.pools[address] = DmaPool(address, name[:31], device, *shape)
        return address

    def alloc(self, pool_address: int, gfp: int) -> tuple[int, int]:
        """Take a free block, or a new page of blocks; (0, 0) on failure."""
        machine = self._machine
        pool = self._get(pool_address)
        if pool is None:
            return 0, 0
        machine.checks.might_sleep("dma_pool_alloc", gfp)
        machine.clock.advance(ALLOC_COST)
        if not pool.next_block and not self._add_page(pool, gfp & ~ZERO):
            return 0, 0
        block = pool.next_block
        if machine.memory.translate(block) is None:
            machine.fault(block, 8, write=False)
            return 0, 0
        header = machine.memory.peek(block, BLOCK_HEADER)
        pool.next_block = int.from_bytes(header[:8], "little")
        handle = int.from_bytes(header[8:], "little")
        pool.active += 1
        if gfp & ZERO or self._init_on_alloc():
            machine.memory.fill(block, 0, pool.size)
        return block, handle

    def zalloc(self, pool_address: int, gfp: int) -> tuple[int, int]:
        """Take a zeroed block."""
        return self.alloc(pool_address, gfp | ZERO)

    def free(self, pool_address: int, address: int, handle: int) -> None:
        """Put a block back in front of the others; nothing checks that it belongs here."""
        pool = self._get(pool_address)
        if pool is None:
            return
        machine = self._machine
        machine.clock.advance(FREE_COST)
        if machine.memory.translate(address) is None:
            machine.fault(address, 8, write=True)
            return
        self._write_header(address, pool.next_block, handle)
        pool.next_block = address
        pool.active -= 1

    def destroy(self, pool_address: int) -> None:
        """Give the pages back, unless blocks are still out: then they are lost."""
        if not pool_address:
            return
        pool = self._get(pool_address)
        if pool is None:
            return
        machine = self._machine
        machine.checks.might_sleep("dma_pool_destroy", None, "kernel/locking/mutex.c", 585)
        busy = pool.active != 0
        if busy:
            machine.log.print(f"{pool.device.prefix}: dma_pool_destroy {pool.name} busy", KERN_ERR)
        for page in reversed(pool.pages):
            if not busy:
                machine.dma.free_coherent(pool.device, pool.allocation, page.address, page.handle)
            machine.kmalloc.kfree(page.record)
        del self.pools[pool_address]
        machine.kmalloc.kfree(pool_address)

    def sysfs(self, device: Device) -> str:
        """Render the `pools` attribute of a device."""
        lines = ["poolinfo - 0.1"]
        lines += [
            f"{pool.name:<16} {pool.active:4} {pool.blocks:4} {pool.size:4} {len(pool.pages):2}"
            for pool in reversed(self.pools.values())
            if pool.device is device
        ]
        return "\n".join(lines) + "\n"

    def _add_page(self, pool: DmaPool, gfp: int) -> bool:
        machine = self._machine
        record = machine.kmalloc.kmalloc(PAGE_RECORD, gfp)
        if not record:
            return False
        address, handle = machine.dma.alloc_coherent(pool.device, pool.allocation, gfp)
        if not address:
            machine.kmalloc.kfree(record)
            return False
        pool.pages.append(PoolPage(address, handle, record))
        offsets = block_offsets(pool.size, pool.allocation, pool.boundary)
        following = pool.next_block
        for offset in reversed(offsets):
            self._write_header(address + offset, following, handle + offset)
            following = address + offset
        pool.next_block = following
        pool.blocks += len(offsets)
        return True

    def _write_header(self, block: int, following: int, handle: int) -> None:
        self._machine.memory.poke(
            block, following.to_bytes(8, "little") + handle.to_bytes(8, "little")
        )

    def _get(self, address: int) -> DmaPool | None:
        pool = self.pools.get(address)
        if pool is None:
            # The kernel would take the garbage there for a pool; its lock is the first it needs.
            self._machine.fault(address + 16, 4, write=True)
        return pool

    def _init_on_alloc(self) -> bool:
        return self._machine.spec.option("init_on_alloc", "1") not in ("0", "off")
