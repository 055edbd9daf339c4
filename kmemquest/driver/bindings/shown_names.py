"""What is done to all bindings once they are there: shown names, and calls that come too early.

A call is shown under the name of the macro that stands before it. A call into an allocator that
does not exist yet follows a NULL pointer, as it does in a kernel before mm_core_init.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver.binding import REGISTRY
from kmemquest.driver.bindings import (
    basics,
    bitmaps,
    buses,
    dma,
    duplicate,
    files,
    interrupts,
    io,
    locks,
    memblock,
    pages,
    printk,
    reserves,
    slab,
    string,
    timers,
    uaccess,
    vmalloc,
)

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

PREFIX: Final = "__kmq_"
FAMILIES: Final = (
    *(basics, bitmaps, buses, dma, duplicate, files, interrupts, io, locks, memblock),
    *(pages, printk, reserves, slab, string, timers, uaccess, vmalloc),
)
NEED_ALLOCATORS: Final = frozenset(
    module.__name__ for module in (buses, dma, duplicate, io, slab, vmalloc)
)
NEED_ALLOCATORS_TOO: Final = frozenset(
    (
        *("alloc_pages", "alloc_pages_node", "__get_free_pages", "get_zeroed_page"),
        *("alloc_pages_exact", "free_pages_exact", "alloc_pages_bulk_array", "__free_pages"),
        *("free_pages", "get_page", "put_page", "page_count", "split_page", "kasprintf"),
        *("__alloc_percpu", "__alloc_percpu_gfp", "free_percpu", "__kmq_per_cpu_ptr"),
        *("mempool_create", "mempool_create_kmalloc_pool", "mempool_create_page_pool"),
        *("mempool_create_slab_pool", "misc_register", "alloc_workqueue"),
        *("bitmap_alloc", "bitmap_zalloc", "bitmap_free", "nr_free_pages", "totalram_pages"),
    )
)


def not_too_early(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a call before the handover oops, which ends the only task there is."""

    @wraps(function)
    def checked(engine: Engine, *arguments: Any) -> Any:
        machine = engine.machine
        if machine.phase != "memblock":
            return function(engine, *arguments)
        machine.fault(0, 8, write=False)
        return 0

    return checked


def finish_registry() -> None:
    """Give every entry its shown name and its guard."""
    for name, entry in list(REGISTRY.items()):
        function = entry.function
        if function.__module__ in NEED_ALLOCATORS or name in NEED_ALLOCATORS_TOO:
            function = not_too_early(function)
        REGISTRY[name] = replace(entry, name=name.removeprefix(PREFIX), function=function)


finish_registry()
