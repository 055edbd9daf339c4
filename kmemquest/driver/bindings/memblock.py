"""`<linux/memblock.h>`: memory before there is an allocator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.driver.binding import binds
from kmemquest.driver.holdings import gave_back, got

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine


def _caller(engine: Engine) -> str:
    site = engine.machine.site
    return site.function if site is not None else ""


@binds("memblock_alloc")
def memblock_alloc(engine: Engine, size: int, align: int) -> int:
    address = engine.machine.memblock.alloc(size, align, _caller(engine))
    return got(engine, "memblock", address, size, "memblock_alloc")


@binds("memblock_alloc_raw")
def memblock_alloc_raw(engine: Engine, size: int, align: int) -> int:
    address = engine.machine.memblock.alloc_raw(size, align, _caller(engine))
    return got(engine, "memblock", address, size, "memblock_alloc_raw")


@binds("memblock_alloc_from")
def memblock_alloc_from(engine: Engine, size: int, align: int, low: int) -> int:
    address = engine.machine.memblock.alloc_from(size, align, low, _caller(engine))
    return got(engine, "memblock", address, size, "memblock_alloc_from")


@binds("memblock_alloc_low")
def memblock_alloc_low(engine: Engine, size: int, align: int) -> int:
    address = engine.machine.memblock.alloc_low(size, align, _caller(engine))
    return got(engine, "memblock", address, size, "memblock_alloc_low")


@binds("memblock_alloc_node")
def memblock_alloc_node(engine: Engine, size: int, align: int, nid: int) -> int:
    address = engine.machine.memblock.alloc_node(size, align, nid, _caller(engine))
    return got(engine, "memblock", address, size, "memblock_alloc_node")


@binds("memblock_alloc_try_nid")
def memblock_alloc_try_nid(
    engine: Engine, size: int, align: int, low: int, high: int, nid: int
) -> int:
    memblock = engine.machine.memblock
    address = memblock.alloc_try_nid(size, align, low, high, nid, _caller(engine))
    return got(engine, "memblock", address, size, "memblock_alloc_try_nid")


@binds("memblock_phys_alloc")
def memblock_phys_alloc(engine: Engine, size: int, align: int) -> int:
    physical = engine.machine.memblock.phys_alloc(size, align, _caller(engine))
    return got(engine, "memblock-phys", physical, size, "memblock_phys_alloc")


@binds("memblock_phys_alloc_range")
def memblock_phys_alloc_range(engine: Engine, size: int, align: int, start: int, end: int) -> int:
    memblock = engine.machine.memblock
    physical = memblock.phys_alloc_range(size, align, start, end, _caller(engine))
    return got(engine, "memblock-phys", physical, size, "memblock_phys_alloc_range")


@binds("memblock_free")
def memblock_free(engine: Engine, address: int, size: int) -> None:
    engine.machine.memblock.free(address, size, _caller(engine))
    gave_back(engine, address, "memblock_free", "memblock")


@binds("memblock_phys_free")
def memblock_phys_free(engine: Engine, base: int, size: int) -> int:
    result = engine.machine.memblock.phys_free(base, size, _caller(engine))
    gave_back(engine, base, "memblock_phys_free", "memblock-phys")
    return result


@binds("memblock_add")
def memblock_add(engine: Engine, base: int, size: int) -> int:
    return engine.machine.memblock.add(base, size, _caller(engine))


@binds("memblock_remove")
def memblock_remove(engine: Engine, base: int, size: int) -> int:
    return engine.machine.memblock.remove(base, size, _caller(engine))


@binds("memblock_reserve")
def memblock_reserve(engine: Engine, base: int, size: int) -> int:
    return engine.machine.memblock.reserve(base, size, _caller(engine))


@binds("memblock_phys_mem_size")
def memblock_phys_mem_size(engine: Engine) -> int:
    return engine.machine.memblock.phys_mem_size()


@binds("memblock_reserved_size")
def memblock_reserved_size(engine: Engine) -> int:
    return engine.machine.memblock.reserved_size()


@binds("memblock_start_of_DRAM")
def memblock_start_of_dram(engine: Engine) -> int:
    return engine.machine.memblock.start_of_dram()


@binds("memblock_end_of_DRAM")
def memblock_end_of_dram(engine: Engine) -> int:
    return engine.machine.memblock.end_of_dram()


@binds("memblock_is_memory")
def memblock_is_memory(engine: Engine, address: int) -> int:
    return engine.machine.memblock.is_memory(address)


@binds("memblock_is_reserved")
def memblock_is_reserved(engine: Engine, address: int) -> int:
    return engine.machine.memblock.is_reserved(address)


@binds("memblock_is_region_memory")
def memblock_is_region_memory(engine: Engine, base: int, size: int) -> int:
    return engine.machine.memblock.is_region_memory(base, size)


@binds("memblock_is_region_reserved")
def memblock_is_region_reserved(engine: Engine, base: int, size: int) -> int:
    return engine.machine.memblock.is_region_reserved(base, size)


@binds("slab_is_available")
def slab_is_available(engine: Engine) -> int:
    return engine.machine.slab_is_available
