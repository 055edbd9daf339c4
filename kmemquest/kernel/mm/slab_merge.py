"""Which existing cache a new one may share (`mm/slab_common.c:find_mergeable`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kmemquest.kernel.mm.slab_cache import KmemCache
from kmemquest.kernel.mm.slab_geometry import (
    SLAB_ACCOUNT,
    SLAB_CACHE_DMA,
    SLAB_CACHE_DMA32,
    SLAB_NO_MERGE,
    SLAB_NOLEAKTRACE,
    SLAB_POISON,
    SLAB_RECLAIM_ACCOUNT,
    SLAB_RED_ZONE,
    SLAB_STORE_USER,
    SLAB_TRACE,
    SLAB_TYPESAFE_BY_RCU,
    WORD,
    calculate_alignment,
    round_up,
)

NEVER_MERGE: Final = (
    SLAB_RED_ZONE
    | SLAB_POISON
    | SLAB_STORE_USER
    | SLAB_TRACE
    | SLAB_TYPESAFE_BY_RCU
    | SLAB_NOLEAKTRACE
    | SLAB_NO_MERGE
)
MERGE_SAME: Final = SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_ACCOUNT


def find_mergeable(
    caches: Iterable[KmemCache], size: int, align: int, flags: int
) -> KmemCache | None:
    """Return the first cache, oldest first, whose objects a new cache could use.

    `caches` come in the order of their creation; `size` is the object size as requested and
    `flags` already hold the boot options' debug flags for the new name. The caller has made sure
    that the new cache has neither a constructor nor a usercopy window.
    """
    if flags & NEVER_MERGE:
        return None
    size = round_up(size, WORD)
    align = calculate_alignment(flags, align, size)
    size = round_up(size, align)
    for cache in caches:
        if is_unmergeable(cache) or size > cache.size:
            continue
        if (flags ^ cache.flags) & MERGE_SAME:
            continue
        if cache.size % align or cache.size - size >= WORD:
            continue
        return cache
    return None


def is_unmergeable(cache: KmemCache) -> bool:
    """Tell whether no other cache may share this one's slabs (`slab_unmergeable`)."""
    return bool(cache.flags & NEVER_MERGE or cache.ctor or cache.usersize or cache.refcount < 0)
