"""Fragments of a page: many small buffers cut from one chunk (`mm/page_alloc.c`, 6.12).

A chunk is a compound page of 32 KiB, or a single page when there is none. Fragments are cut from
its end downwards. The cache takes a large number of references at once and gives one away with each
fragment, so that cutting costs no atomic operation; the chunk goes when the cache has left it and
the last fragment has been freed. Sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, pfn_to_virt, virt_to_phys

if TYPE_CHECKING:
    from kmemquest.kernel.mm.page_alloc import PageAllocator

CHUNK_ORDER: Final = 3
CHUNK_BYTES: Final = PAGE_SIZE << CHUNK_ORDER
"""PAGE_FRAG_CACHE_MAX_SIZE; also how many references a cache takes beyond the first."""
FRAGMENT_COST: Final = 12
"""Nanoseconds to cut a fragment."""
_CHUNK_FLAGS: Final = gfp_flags.COMP | gfp_flags.NOWARN | gfp_flags.NORETRY | gfp_flags.NOMEMALLOC


@dataclass(slots=True)
class FragCache:
    """The fields of `struct page_frag_cache`: `va` is 0 before the first fragment."""

    va: int = 0
    offset: int = 0
    size: int = 0
    bias: int = 0
    pfmemalloc: bool = False

    @property
    def pfn(self) -> int:
        """First frame of the chunk."""
        return virt_to_phys(self.va) >> PAGE_SHIFT


def cut(
    pages: PageAllocator, cache: FragCache, size: int, gfp: int, mask: int,
    taken: Callable[[int, int], None],
) -> int:  # fmt: skip
    """Return the address of `size` bytes, 0 if there is none (`__page_frag_alloc_align`).

    `mask` clears the low bits of the place; `taken(pfn, size)` is told of each new chunk.
    """
    pages.machine.clock.advance(FRAGMENT_COST)
    if not cache.va and not _refill(pages, cache, gfp, taken):
        return 0
    offset = cache.offset - size
    if offset < 0:
        if not _may_start_again(pages, cache) and not _refill(pages, cache, gfp, taken):
            return 0
        offset = cache.offset - size
        if offset < 0:
            return 0
    cache.bias -= 1
    cache.offset = offset & mask
    return cache.va + cache.offset


def drain(pages: PageAllocator, cache: FragCache) -> bool:
    """Leave the chunk to its fragments; True if there were none (`page_frag_cache_drain`)."""
    if not cache.va:
        return False
    gone = _drop(pages, cache.pfn, cache.bias)
    cache.va = 0
    return gone


def _refill(
    pages: PageAllocator, cache: FragCache, gfp: int, taken: Callable[[int, int], None]
) -> bool:
    """Take a chunk: what is too large costs no reclaim, a single page may."""
    large = gfp & ~gfp_flags.DIRECT_RECLAIM | _CHUNK_FLAGS
    pfn = pages.alloc_pages(large, CHUNK_ORDER)
    cache.size = CHUNK_BYTES
    if pfn < 0:
        cache.size = PAGE_SIZE
        pfn = pages.alloc_pages(gfp, 0)
    if pfn < 0:
        cache.va = 0
        return False
    cache.va = pfn_to_virt(pfn)
    pages.frames.set_refcount(pfn, pages.frames.refcount(pfn) + CHUNK_BYTES)
    cache.bias = CHUNK_BYTES + 1
    cache.offset = cache.size
    taken(pfn, cache.size)
    return True


def _may_start_again(pages: PageAllocator, cache: FragCache) -> bool:
    """Use the same chunk again if all its fragments are back; else leave it to them."""
    pfn = cache.pfn
    if pages.frames.refcount(pfn) != cache.bias:
        pages.frames.set_refcount(pfn, pages.frames.refcount(pfn) - cache.bias)
        return False
    pages.frames.set_refcount(pfn, CHUNK_BYTES + 1)
    cache.bias = CHUNK_BYTES + 1
    cache.offset = cache.size
    return True


def _drop(pages: PageAllocator, pfn: int, references: int) -> bool:
    """Drop several references; the last one frees the chunk (`__page_frag_cache_drain`)."""
    left = pages.frames.refcount(pfn) - references
    pages.frames.set_refcount(pfn, left + 1)
    pages.put_page(pfn)
    return left == 0
