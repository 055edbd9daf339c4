"""The caches a running kernel has: kmalloc-*, and the named ones of its own subsystems.

Source: `mm/slab_common.c:create_kmalloc_caches`; the named caches with their sizes and flags are
those of Debian's 6.12 on x86-64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.mm import slub_create
from kmemquest.kernel.mm.slab_geometry import (
    SLAB_ACCOUNT,
    SLAB_CACHE_DMA,
    SLAB_KMALLOC,
    SLAB_NO_MERGE,
    SLAB_RECLAIM_ACCOUNT,
)
from kmemquest.kernel.mm.slub_named import KERNEL_CTOR, KMALLOC_OBJECTS, NAMED_CACHES
from kmemquest.kernel.mm.slub_pages import add_full_slab

if TYPE_CHECKING:
    from kmemquest.kernel.mm.slub import SlabAllocator

KMALLOC_TYPES: Final = (
    ("normal", "kmalloc-", SLAB_NO_MERGE),
    ("reclaim", "kmalloc-rcl-", SLAB_RECLAIM_ACCOUNT),
    ("dma", "dma-kmalloc-", SLAB_CACHE_DMA),
    ("cgroup", "kmalloc-cg-", SLAB_ACCOUNT),
)
"""(type, name prefix, flags) in the order of creation."""

POPULATED_PAGES: Final = 3150
"""Pages in slabs on the machine whose counts `populate_caches` follows."""

CREATION_ORDER: Final = (96, 192, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)


def short_size(size: int) -> str:
    """Render a size as cache names do: 512, 1k, 8k."""
    return f"{size // 1024}k" if size >= 1024 else str(size)


def create_kmalloc_caches(slub: SlabAllocator) -> None:
    """Create the four sets of kmalloc caches."""
    for kind, prefix, flags in KMALLOC_TYPES:
        for size in CREATION_ORDER:
            cache = slub_create.open_cache(
                slub,
                prefix + short_size(size),
                size,
                align=size & -size,
                flags=flags | SLAB_KMALLOC,
                usersize=size,
            )
            assert cache is not None
            slub_create.register(slub, cache)
            slub.caches.append(cache)
            slub.kmalloc_caches[kind, size] = cache
            slub.announce(cache, cache.name)


def create_named_caches(slub: SlabAllocator) -> None:
    """Create the caches of the kernel's own subsystems, in its order, still empty."""
    for row in NAMED_CACHES:
        slub_create.create(
            slub,
            row.name,
            row.size,
            row.align,
            row.flags,
            KERNEL_CTOR if row.ctor else 0,
            useroffset=row.useroffset,
            usersize=row.usersize,
            freeptr_offset=row.freeptr if row.freeptr >= 0 else None,
        )


def settle_residents(slub: SlabAllocator) -> None:
    """Let the kernel hold half of one slab of every ordinary kmalloc cache.

    On a running machine no kmalloc slab is the driver's alone: its neighbours are live objects.
    """
    for size in CREATION_ORDER:
        cache = slub.kmalloc_caches["normal", size]
        for _ in range(cache.geometry.objects // 2):
            slub.alloc(cache, GFP_KERNEL)


def populate_caches(slub: SlabAllocator, pages: int) -> int:
    """Fill the caches as on a running machine, with about `pages` pages; return those used.

    The proportions are those of a machine of 256 MiB that runs a shell, where 3,150 pages are in
    slabs. The objects belong to the kernel; nobody frees them. Only whole slabs are added: they
    are full, on no list, and hold no free pointers.
    """
    used = 0
    wanted = [(row.name, row.objects) for row in NAMED_CACHES] + list(KMALLOC_OBJECTS.items())
    share = min(1.0, pages / POPULATED_PAGES)
    for name, objects in wanted:
        cache = slub.find(name)
        if cache is None or cache.is_debug:
            continue
        for _ in range(int(objects * share) // cache.geometry.objects):
            slab = add_full_slab(slub, cache)
            if slab is None:
                return used
            used += 1 << slab.order
    return used
