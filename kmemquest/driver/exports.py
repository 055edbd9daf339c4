"""Kernel functions that built-in code may call and modules may not: they are not exported.

The headers declare them for everybody, so a module compiles; modpost finds them missing. Source:
the absence of EXPORT_SYMBOL() in `mm/memblock.c`, `mm/cma.c`, `kernel/dma/contiguous.c` and
`mm/vmalloc.c` of 6.12.
"""

from __future__ import annotations

from typing import Final

_TRY_NID: Final = "memblock_alloc_try_nid"

UNEXPORTED: Final[dict[str, str]] = {
    "memblock_alloc": _TRY_NID,
    "memblock_alloc_from": _TRY_NID,
    "memblock_alloc_low": _TRY_NID,
    "memblock_alloc_node": _TRY_NID,
    "memblock_alloc_try_nid": _TRY_NID,
    "memblock_alloc_raw": "memblock_alloc_try_nid_raw",
    "memblock_phys_alloc": "memblock_phys_alloc_range",
    **{
        name: name
        for name in (
            *("memblock_add", "memblock_remove", "memblock_reserve", "memblock_free"),
            *("memblock_phys_free", "memblock_phys_alloc_range", "memblock_phys_mem_size"),
            *("memblock_is_memory", "memblock_is_region_memory", "memblock_is_reserved"),
            *("memblock_is_region_reserved", "memblock_reserved_size"),
            *("memblock_start_of_DRAM", "memblock_end_of_DRAM"),
            *("cma_alloc", "cma_release", "cma_get_base", "cma_get_size", "cma_get_name"),
            *("dma_alloc_from_contiguous", "dma_release_from_contiguous"),
            "vfree_atomic",
        )
    },
}
"""Function -> symbol that modpost names: some of them are inline functions around another."""

INSTEAD: Final[dict[str, str]] = {
    "memblock": "memblock is for the boot: a module uses kzalloc() or vzalloc()",
    "cma": "dma_alloc_coherent() takes large blocks from the contiguous area",
    "dma": "dma_alloc_coherent() takes large blocks from the contiguous area",
    "vfree": "vfree() from a work item frees later",
}
"""First word of a function's name -> what a module does instead."""
