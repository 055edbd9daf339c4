"""`<linux/slab.h>`: kmalloc and its relatives, and caches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.locks import finish_kfree_rcu
from kmemquest.driver.bindings.pointer_arrays import load_pointers, store_pointer
from kmemquest.driver.holdings import ANY, KMALLOC, gave_back, gave_back_pages, got, node
from kmemquest.kernel.address import is_direct_map_address, pfn_to_page, virt_to_pfn
from kmemquest.kernel.gfp import ZERO

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine
    from kmemquest.kernel.mm.slab_cache import KmemCache

SIZE_MAX = (1 << 64) - 1


@binds("kmalloc")
def kmalloc(engine: Engine, size: int, flags: int) -> int:
    address = engine.machine.kmalloc.kmalloc(size, flags)
    return got(engine, "kmalloc", address, size, "kmalloc")


@binds("kzalloc")
def kzalloc(engine: Engine, size: int, flags: int) -> int:
    address = engine.machine.kmalloc.kzalloc(size, flags)
    return got(engine, "kmalloc", address, size, "kzalloc")


@binds("kmalloc_node")
def kmalloc_node(engine: Engine, size: int, flags: int, nid: int) -> int:
    address = engine.machine.kmalloc.kmalloc(size, flags, node(nid))
    return got(engine, "kmalloc", address, size, "kmalloc_node")


@binds("kzalloc_node")
def kzalloc_node(engine: Engine, size: int, flags: int, nid: int) -> int:
    address = engine.machine.kmalloc.kzalloc(size, flags, node(nid))
    return got(engine, "kmalloc", address, size, "kzalloc_node")


@binds("kmalloc_array_node")
def kmalloc_array_node(engine: Engine, count: int, size: int, flags: int, nid: int) -> int:
    return 0 if count * size >> 64 else kmalloc_node(engine, count * size, flags, nid)


@binds("kcalloc_node")
def kcalloc_node(engine: Engine, count: int, size: int, flags: int, nid: int) -> int:
    return 0 if count * size >> 64 else kzalloc_node(engine, count * size, flags, nid)


@binds("kmalloc_array")
def kmalloc_array(engine: Engine, count: int, size: int, flags: int) -> int:
    address = engine.machine.kmalloc.kmalloc_array(count, size, flags)
    return got(engine, "kmalloc", address, count * size, "kmalloc_array")


@binds("kcalloc")
def kcalloc(engine: Engine, count: int, size: int, flags: int) -> int:
    address = engine.machine.kmalloc.kcalloc(count, size, flags)
    return got(engine, "kmalloc", address, count * size, "kcalloc")


@binds("krealloc")
def krealloc(engine: Engine, address: int, size: int, flags: int) -> int:
    moved = engine.machine.kmalloc.krealloc(address, size, flags)
    return _resized(engine, address, moved, size, "krealloc")


@binds("krealloc_array")
def krealloc_array(engine: Engine, address: int, count: int, size: int, flags: int) -> int:
    moved = engine.machine.kmalloc.krealloc_array(address, count, size, flags)
    return _resized(engine, address, moved, count * size, "krealloc_array")


def _resized(engine: Engine, old: int, new: int, size: int, function: str) -> int:
    if new:
        gave_back(engine, old, function, *KMALLOC)
    return got(engine, "kmalloc", new, size, function)


@binds("kfree")
def kfree(engine: Engine, address: int) -> None:
    lockdep = engine.machine.checks.lockdep
    if lockdep is not None and engine.machine.context.locks:
        cache = engine.machine.slub.cache_of(address)
        lockdep.freed(address, cache.object_size if cache is not None else 1)
    order = _order_of_pages(engine, address)
    engine.machine.kmalloc.kfree(address)
    gave_back(engine, address, "kfree", *KMALLOC)
    _note_freed_pages(engine, address, order, "kfree")


def _order_of_pages(engine: Engine, address: int) -> int | None:
    """Return how many pages kfree will free of a block that is no kmalloc memory, as an order.

    A block that is not compound does not know its order: one page. None for everything else.
    """
    if not is_direct_map_address(address):
        return None
    pfn = virt_to_pfn(address)
    if engine.machine.checks.ledger.find("pages", pfn_to_page(pfn)) is None:
        return None
    return engine.machine.pages.frames.compound_order(pfn)


def _note_freed_pages(engine: Engine, address: int, order: int | None, function: str) -> None:
    """Note the pages that kfree freed, warning all the same; those behind them are lost."""
    if order is None:
        return
    pfn = virt_to_pfn(address)
    if not engine.machine.pages.page_count(pfn):
        gave_back_pages(engine, pfn_to_page(pfn), order, function)


@binds("kfree_sensitive")
def kfree_sensitive(engine: Engine, address: int) -> None:
    order = _order_of_pages(engine, address)
    engine.machine.kmalloc.kfree_sensitive(address)
    gave_back(engine, address, "kfree_sensitive", *KMALLOC)
    _note_freed_pages(engine, address, order, "kfree_sensitive")


@binds("ksize")
def ksize(engine: Engine, address: int) -> int:
    return engine.machine.kmalloc.ksize(address)


@binds("kmalloc_size_roundup")
def kmalloc_size_roundup(engine: Engine, size: int) -> int:
    return engine.machine.kmalloc.size_roundup(size)


# --- kvmalloc -----------------------------------------------------------------------------


@binds("kvmalloc")
def kvmalloc(engine: Engine, size: int, flags: int) -> int:
    return _kvmalloc(engine, size, flags, None, "kvmalloc")


@binds("kvzalloc")
def kvzalloc(engine: Engine, size: int, flags: int) -> int:
    return _kvmalloc(engine, size, flags | ZERO, None, "kvzalloc")


@binds("kvmalloc_node")
def kvmalloc_node(engine: Engine, size: int, flags: int, nid: int) -> int:
    return _kvmalloc(engine, size, flags, node(nid), "kvmalloc_node")


@binds("kvzalloc_node")
def kvzalloc_node(engine: Engine, size: int, flags: int, nid: int) -> int:
    return _kvmalloc(engine, size, flags | ZERO, node(nid), "kvzalloc_node")


@binds("kvmalloc_array")
def kvmalloc_array(engine: Engine, count: int, size: int, flags: int) -> int:
    if count * size > SIZE_MAX:
        return 0
    return _kvmalloc(engine, count * size, flags, None, "kvmalloc_array")


@binds("kvcalloc")
def kvcalloc(engine: Engine, count: int, size: int, flags: int) -> int:
    if count * size > SIZE_MAX:
        return 0
    return _kvmalloc(engine, count * size, flags | ZERO, None, "kvcalloc")


def _kvmalloc(engine: Engine, size: int, flags: int, nid: int | None, function: str) -> int:
    address = engine.machine.vmalloc.kvmalloc(size, flags, nid)
    return got(engine, "kvmalloc", address, size, function)


@binds("kvfree")
def kvfree(engine: Engine, address: int) -> None:
    order = _order_of_pages(engine, address)
    engine.machine.vmalloc.kvfree(address)
    gave_back(engine, address, "kvfree", *ANY)
    _note_freed_pages(engine, address, order, "kvfree")


@binds("kvfree_sensitive")
def kvfree_sensitive(engine: Engine, address: int, size: int) -> None:
    if address > 16:
        engine.machine.memory.fill(address, 0, size)
    engine.machine.vmalloc.kvfree(address)
    gave_back(engine, address, "kvfree_sensitive", *ANY)


# --- caches -------------------------------------------------------------------------------


@binds("kmem_cache_create")
def kmem_cache_create(
    engine: Engine, name: int, size: int, align: int, flags: int, ctor: int
) -> int:
    text = abi.get_text(engine.machine, name)
    cache = engine.machine.slub.create(text, size, align, flags, ctor)
    return _new_cache(engine, cache, size, "kmem_cache_create")


@binds("kmem_cache_create_usercopy")
def kmem_cache_create_usercopy(
    engine: Engine,
    name: int,
    size: int,
    align: int,
    flags: int,
    useroffset: int,
    usersize: int,
    ctor: int,
) -> int:
    text = abi.get_text(engine.machine, name)
    cache = engine.machine.slub.create(
        text, size, align, flags, ctor, useroffset=useroffset, usersize=usersize
    )
    return _new_cache(engine, cache, size, "kmem_cache_create_usercopy")


def _new_cache(engine: Engine, cache: KmemCache | None, size: int, function: str) -> int:
    if cache is None:
        return 0
    return got(engine, "cache", cache.address, size, function)


def find_cache(engine: Engine, address: int) -> KmemCache | None:
    """Return the cache behind a `struct kmem_cache *`; a bad pointer is read, and may fault."""
    cache = engine.machine.slub.by_address.get(address)
    if cache is None:
        engine.machine.memory.load(address, 8)
    return cache


@binds("kmem_cache_destroy")
def kmem_cache_destroy(engine: Engine, address: int) -> None:
    if not address:
        return
    cache = find_cache(engine, address)
    if cache is not None:
        finish_kfree_rcu(engine)
        engine.machine.slub.destroy(cache)
        gave_back(engine, address, "kmem_cache_destroy", "cache")


@binds("kmem_cache_shrink")
def kmem_cache_shrink(engine: Engine, address: int) -> int:
    cache = find_cache(engine, address)
    return engine.machine.slub.shrink(cache) if cache is not None else 0


@binds("kmem_cache_size")
def kmem_cache_size(engine: Engine, address: int) -> int:
    cache = find_cache(engine, address)
    return cache.object_size if cache is not None else 0


@binds("kmem_cache_alloc")
def kmem_cache_alloc(engine: Engine, address: int, flags: int) -> int:
    return _cache_alloc(engine, address, flags, None, "kmem_cache_alloc")


@binds("kmem_cache_zalloc")
def kmem_cache_zalloc(engine: Engine, address: int, flags: int) -> int:
    return _cache_alloc(engine, address, flags | ZERO, None, "kmem_cache_zalloc")


@binds("kmem_cache_alloc_node")
def kmem_cache_alloc_node(engine: Engine, address: int, flags: int, nid: int) -> int:
    return _cache_alloc(engine, address, flags, node(nid), "kmem_cache_alloc_node")


def _cache_alloc(engine: Engine, address: int, flags: int, nid: int | None, function: str) -> int:
    cache = find_cache(engine, address)
    if cache is None:
        return 0
    found = engine.machine.slub.alloc(cache, flags, nid)
    return got(engine, "cache-object", found, cache.object_size, function)


@binds("kmem_cache_free")
def kmem_cache_free(engine: Engine, address: int, found: int) -> None:
    cache = find_cache(engine, address)
    if cache is None:
        return
    engine.machine.slub.free(cache, found)
    gave_back(engine, found, "kmem_cache_free", *KMALLOC)


@binds("kmem_cache_alloc_bulk")
def kmem_cache_alloc_bulk(engine: Engine, address: int, flags: int, count: int, array: int) -> int:
    cache = find_cache(engine, address)
    if cache is None:
        return 0
    objects = engine.machine.slub.alloc_bulk(cache, flags, count)
    for index, found in enumerate(objects):
        got(engine, "cache-object", found, cache.object_size, "kmem_cache_alloc_bulk")
        store_pointer(engine, array, index, found)
    return len(objects)


@binds("kmem_cache_free_bulk")
def kmem_cache_free_bulk(engine: Engine, address: int, count: int, array: int) -> None:
    objects = load_pointers(engine, array, count)
    engine.machine.slub.free_bulk(find_cache(engine, address) if address else None, objects)
    for found in objects:
        gave_back(engine, found, "kmem_cache_free_bulk", *KMALLOC)
