"""Page fragments: `page_frag_alloc` and its partners (`<linux/gfp.h>` of 6.12).

The ledger knows the chunks, not the fragments: a fragment that stays keeps all of its chunk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.pages import to_physical
from kmemquest.driver.holdings import gave_back_pages, got
from kmemquest.kernel.address import PAGE_SHIFT, pfn_to_page
from kmemquest.kernel.mm import page_frag
from kmemquest.kernel.mm.page_frag import FragCache

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

FIELDS: Final = ((0, 8), (8, 2), (10, 2), (12, 4), (16, 1))
"""Offset and bytes of each field of `struct page_frag_cache` on x86-64."""


def _load(engine: Engine, address: int) -> FragCache:
    memory = engine.machine.memory
    va, offset, size, bias, reserve = (memory.load(address + at, width) for at, width in FIELDS)
    return FragCache(va, offset, size, bias, bool(reserve))


def _store(engine: Engine, address: int, cache: FragCache) -> None:
    memory = engine.machine.memory
    values = (cache.va, cache.offset, cache.size, cache.bias, cache.pfmemalloc)
    for (at, size), value in zip(FIELDS, values, strict=True):
        memory.store(address + at, size, int(value))


@binds("__page_frag_alloc_align")
def page_frag_alloc_align(engine: Engine, nc: int, size: int, flags: int, mask: int) -> int:
    return _cut(engine, nc, size, flags, mask)


@binds("page_frag_alloc")
def page_frag_alloc(engine: Engine, nc: int, size: int, flags: int) -> int:
    return _cut(engine, nc, size, flags, 0xFFFF_FFFF)


def _cut(engine: Engine, nc: int, size: int, flags: int, mask: int) -> int:
    def taken(pfn: int, chunk: int) -> None:
        got(engine, "pages", pfn_to_page(pfn), chunk, "page_frag_alloc")

    cache = _load(engine, nc)
    engine.check()
    address = page_frag.cut(engine.machine.pages, cache, size, flags, mask, taken)
    _store(engine, nc, cache)
    return address


@binds("page_frag_cache_drain")
def page_frag_cache_drain(engine: Engine, nc: int) -> None:
    cache = _load(engine, nc)
    engine.check()
    pages = engine.machine.pages
    head = cache.pfn if cache.va else -1
    order = pages.frames.compound_order(head) if cache.va else 0
    if page_frag.drain(pages, cache):
        gave_back_pages(engine, pfn_to_page(head), order, "page_frag_cache_drain")
    _store(engine, nc, cache)


@binds("page_frag_free")
def page_frag_free(engine: Engine, address: int) -> None:
    """Drop the chunk's reference that came with a fragment."""
    machine = engine.machine
    if machine.slub.page_fault_behind(address):
        return
    pages = machine.pages
    head = pages.frames.compound_head(to_physical(address) >> PAGE_SHIFT)
    order = pages.frames.compound_order(head)
    last = pages.frames.refcount(head) == 1
    pages.put_page(head)
    if last:
        gave_back_pages(engine, pfn_to_page(head), order, "page_frag_free")
