"""The page allocator's own flags, derived from gfp masks (`mm/internal.h`)."""

from __future__ import annotations

from typing import Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.context import PF_MEMALLOC, Context
from kmemquest.kernel.mm.zone import WMARK_LOW, WMARK_MIN

ALLOC_WMARK_MIN: Final = WMARK_MIN
ALLOC_WMARK_LOW: Final = WMARK_LOW
ALLOC_WMARK_MASK: Final = 0x3
ALLOC_NO_WATERMARKS: Final = 0x4
ALLOC_OOM: Final = 0x8
ALLOC_NON_BLOCK: Final = 0x10
ALLOC_MIN_RESERVE: Final = 0x20
ALLOC_CPUSET: Final = 0x40
ALLOC_NOFRAGMENT: Final = 0x100
ALLOC_HIGHATOMIC: Final = 0x200
ALLOC_KSWAPD: Final = 0x800
ALLOC_RESERVES: Final = ALLOC_OOM | ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE | ALLOC_HIGHATOMIC
"""Any of these may dig below min, so free HighAtomic pages count for them."""


def slow_path_flags(mask: int, order: int) -> int:
    """Return the flags of the slow path (`mm/page_alloc.c:gfp_to_alloc_flags`)."""
    flags = ALLOC_WMARK_MIN | ALLOC_CPUSET
    flags |= mask & (_gfp.HIGH | _gfp.KSWAPD_RECLAIM)
    if not mask & _gfp.DIRECT_RECLAIM:
        if not mask & _gfp.NOMEMALLOC:
            flags |= ALLOC_NON_BLOCK
            if order > 0 and flags & ALLOC_MIN_RESERVE:
                flags |= ALLOC_HIGHATOMIC
        if flags & ALLOC_MIN_RESERVE:
            flags &= ~ALLOC_CPUSET
    return flags


def reserve_flags(mask: int, context: Context) -> int:
    """Return NO_WATERMARKS, OOM or 0: the right to the reserves (`__gfp_pfmemalloc_flags`)."""
    if mask & _gfp.NOMEMALLOC:
        return 0
    if mask & _gfp.MEMALLOC:
        return ALLOC_NO_WATERMARKS
    memalloc = context.task.flags & PF_MEMALLOC
    if context.in_softirq and not context.in_hardirq and memalloc:
        return ALLOC_NO_WATERMARKS
    if not context.in_interrupt:
        if memalloc:
            return ALLOC_NO_WATERMARKS
        if context.task.oom_victim:
            return ALLOC_OOM
    return 0
