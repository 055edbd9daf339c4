"""Memory of the running task, memremap and gen_pool: other ways to come to an address."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.string import spend
from kmemquest.driver.devices import world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.kernel.address import PAGE_SIZE, page_align, pfn_to_virt
from kmemquest.kernel.check.oops import bug
from kmemquest.kernel.gfp import GFP_HIGHUSER_MOVABLE, GFP_KERNEL, ZERO

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

FIRST_MAPPING: Final = 0x7FFF_E000_0000
"""Where vm_mmap puts areas, growing down."""
NO_MEMORY: Final = (1 << 64) - 12
INVALID: Final = (1 << 64) - 22
MEMREMAP_WB: Final = 1
GEN_POOL_BYTES: Final = 64
GEN_POOL_CHUNK_BYTES: Final = 56
"""A chunk's description, in front of its bitmap."""


# --- user mappings ------------------------------------------------------------------------


@binds("vm_mmap")
def vm_mmap(
    engine: Engine, file: int, address: int, size: int, protection: int, flags: int, offset: int
) -> int:
    """Reserve user addresses; frames come when they are first touched."""
    if not size or file:
        return INVALID
    areas = world_of(engine).sleeves
    start = min(areas, default=FIRST_MAPPING) - page_align(size) - PAGE_SIZE
    areas[start] = [-1] * (page_align(size) // PAGE_SIZE)
    return start


@binds("vm_munmap")
def vm_munmap(engine: Engine, start: int, size: int) -> int:
    machine = engine.machine
    frames = world_of(engine).sleeves.pop(start, None)
    for index, pfn in enumerate(frames or ()):
        if pfn >= 0:
            machine.memory.unmap_page(start + index * PAGE_SIZE)
            machine.pages.free_pages(pfn, 0)
    return 0


def touch_user(engine: Engine, address: int) -> bool:
    """Take the page fault of a user address; False where nothing is mapped or no fault may be.

    With page faults off (`pagefault_disabled`, atomic context) the handler refuses at once.
    """
    machine = engine.machine
    if not machine.context.may_sleep:
        return False
    for start, frames in world_of(engine).sleeves.items():
        index = (address - start) // PAGE_SIZE
        if 0 <= index < len(frames):
            if frames[index] < 0:
                pfn = machine.pages.alloc_pages(GFP_HIGHUSER_MOVABLE | ZERO, 0)
                if pfn < 0:
                    return False
                frames[index] = pfn
                machine.memory.map_page(start + index * PAGE_SIZE, pfn)
                machine.memory.mark_written(start + index * PAGE_SIZE, PAGE_SIZE)
            return True
    return False


# --- memremap -----------------------------------------------------------------------------


@binds("memremap")
def memremap(engine: Engine, physical: int, size: int, flags: int) -> int:
    """Map memory: RAM is there already, in the direct map (`kernel/iomem.c:memremap`)."""
    machine = engine.machine
    ranges = machine.memblock.memory_ranges()
    ram = any(start <= physical and physical + size <= end for start, end in ranges)
    if ram and flags & MEMREMAP_WB:
        return pfn_to_virt(physical >> 12) + physical % PAGE_SIZE
    return got(engine, "ioremap", machine.ioremap.ioremap(physical, size), size, "memremap")


@binds("memunmap")
def memunmap(engine: Engine, address: int) -> None:
    machine = engine.machine
    if machine.vmalloc.is_vmalloc_addr(address):
        machine.ioremap.iounmap(address)
        gave_back(engine, address, "memunmap", "ioremap")


# --- gen_pool -----------------------------------------------------------------------------


@binds("gen_pool_create")
def gen_pool_create(engine: Engine, order: int, nid: int) -> int:
    machine = engine.machine
    pool = machine.kmalloc.kzalloc(GEN_POOL_BYTES, GFP_KERNEL)
    if pool:
        machine.memory.store(pool, 4, order)
        world_of(engine).gen_pools[pool] = []
    return got(engine, "gen-pool", pool, GEN_POOL_BYTES, "gen_pool_create")


@binds("gen_pool_add_virt")
def gen_pool_add_virt(
    engine: Engine, pool: int, virtual: int, physical: int, size: int, nid: int
) -> int:
    """Add a chunk and its bitmap; the newest chunk is searched first (`lib/genalloc.c`)."""
    machine = engine.machine
    granule = _granule(engine, pool)
    words = -(-(size // granule) // 64)
    bitmap = machine.vmalloc.vzalloc(GEN_POOL_CHUNK_BYTES + 8 * words, nid if nid >= 0 else None)
    if not bitmap:
        return NO_MEMORY
    chunks = world_of(engine).gen_pools.get(pool)
    if chunks is not None:
        chunks.insert(0, [virtual, size, physical, 0, bitmap])
    return 0


def _granule(engine: Engine, pool: int) -> int:
    return 1 << (engine.machine.memory.load(pool, 4) & 63)


@binds("gen_pool_alloc")
def gen_pool_alloc(engine: Engine, pool: int, size: int) -> int:
    """First fit in whole granules; 0 when no chunk has room (`lib/genalloc.c`)."""
    granule = _granule(engine, pool)
    count = -(-size // granule)
    spend(engine, 64)
    if not count:
        return 0
    mask = (1 << count) - 1
    for chunk in world_of(engine).gen_pools.get(pool, ()):
        start, room, _, taken, _ = chunk
        for index in range(room // granule - count + 1):
            if not taken >> index & mask:
                chunk[3] |= mask << index
                address = start + index * granule
                return got(engine, "gen-pool-block", address, size, "gen_pool_alloc")
    return 0


@binds("gen_pool_free")
def gen_pool_free(engine: Engine, pool: int, address: int, size: int) -> None:
    """Free a block; what was not taken is a BUG (`lib/genalloc.c:gen_pool_free_owner`)."""
    granule = _granule(engine, pool)
    count = -(-size // granule)
    for chunk in world_of(engine).gen_pools.get(pool, ()):
        start, room, _, taken, _ = chunk
        if start <= address < start + room:
            bits = ((1 << count) - 1) << (address - start) // granule
            if taken & bits == bits and address + size <= start + room:
                chunk[3] &= ~bits
                gave_back(engine, address, "gen_pool_free", "gen-pool-block")
                return
    bug(engine.machine, "lib/genalloc.c", 508, "gen_pool_free_owner")


@binds("gen_pool_destroy")
def gen_pool_destroy(engine: Engine, pool: int) -> None:
    chunks = world_of(engine).gen_pools.pop(pool, [])
    if any(chunk[3] for chunk in chunks):
        bug(engine.machine, "lib/genalloc.c", 243, "gen_pool_destroy")
        return
    for chunk in chunks:
        engine.machine.vmalloc.vfree(chunk[4])
    engine.machine.kmalloc.kfree(pool)
    gave_back(engine, pool, "gen_pool_destroy", "gen-pool")


@binds("gen_pool_avail")
def gen_pool_avail(engine: Engine, pool: int) -> int:
    taken = sum(chunk[3].bit_count() for chunk in world_of(engine).gen_pools.get(pool, ()))
    return gen_pool_size(engine, pool) - taken * _granule(engine, pool)


@binds("gen_pool_size")
def gen_pool_size(engine: Engine, pool: int) -> int:
    return sum(chunk[1] for chunk in world_of(engine).gen_pools.get(pool, ()))


@binds("gen_pool_virt_to_phys")
def gen_pool_virt_to_phys(engine: Engine, pool: int, address: int) -> int:
    for start, room, physical, _, _ in world_of(engine).gen_pools.get(pool, ()):
        if start <= address < start + room:
            return physical + address - start
    return (1 << 64) - 1
