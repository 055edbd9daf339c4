"""Calls as a reader would write them: flags by name, small numbers in decimal, addresses in hex."""

from __future__ import annotations

from typing import Final

from kmemquest.driver.header_index import written_arguments
from kmemquest.kernel.gfp import format_gfp

GFP_PLACE: Final = {
    "kmalloc": 1, "kzalloc": 1, "kvmalloc": 1, "kvzalloc": 1, "kcalloc": 2, "kmalloc_array": 2,
    "kvcalloc": 2, "kvmalloc_array": 2, "krealloc": 2, "kmem_cache_alloc": 1,
    "kmem_cache_zalloc": 1, "alloc_pages": 0, "alloc_page": 0, "__get_free_pages": 0,
    "__get_free_page": 0, "get_zeroed_page": 0, "alloc_pages_exact": 1, "__vmalloc": 1,
    "dma_alloc_coherent": 3, "dma_pool_alloc": 1, "dma_pool_zalloc": 1, "mempool_alloc": 1,
    "kmemdup": 2, "kstrdup": 1, "page_frag_alloc": 2, "dmam_alloc_coherent": 3,
    "dma_alloc_pages": 4,
}  # fmt: skip
"""Which argument of a call is a gfp mask, counted from 0."""
_PLAIN: Final = 1 << 16
_LAST_ERROR: Final = (1 << 64) - 4095


def word_call(function: str, arguments: tuple[int, ...]) -> str:
    """Return `function(arguments)` as its author would have written it."""
    place = GFP_PLACE.get(function)
    words = [
        format_gfp(argument) if position == place else word_value(argument)
        for position, argument in enumerate(written_arguments(function, arguments)[:6])
    ]
    return f"{function}({', '.join(words)})"


def word_value(value: int) -> str:
    """Return a 64-bit value in words: a small number, a negative errno, or an address."""
    if value >= _LAST_ERROR:
        return str(value - (1 << 64))
    return str(value) if value < _PLAIN else f"{value:#x}"
