"""How big an object is inside a slab, how many fit, and from what order of pages.

Pure arithmetic on bytes and page orders (`mm/slub.c:calculate_sizes`, `calculate_order`,
`mm/slab_common.c:calculate_alignment`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter
from typing import Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.address import PAGE_SIZE, get_order

SLAB_CONSISTENCY_CHECKS: Final = 0x1
SLAB_RED_ZONE: Final = 0x2
SLAB_POISON: Final = 0x4
SLAB_KMALLOC: Final = 0x8
SLAB_HWCACHE_ALIGN: Final = 0x10
SLAB_CACHE_DMA: Final = 0x20
SLAB_CACHE_DMA32: Final = 0x40
SLAB_STORE_USER: Final = 0x80
SLAB_PANIC: Final = 0x100
SLAB_TYPESAFE_BY_RCU: Final = 0x200
SLAB_TRACE: Final = 0x400
SLAB_NOLEAKTRACE: Final = 0x800
SLAB_NO_MERGE: Final = 0x1000
SLAB_ACCOUNT: Final = 0x2000
SLAB_NO_USER_FLAGS: Final = 0x4000
SLAB_SKIP_KFENCE: Final = 0x8000
SLAB_RECLAIM_ACCOUNT: Final = 0x10000
OBJECT_POISON: Final = 0x20000
NO_OBJ_EXT: Final = 0x80000

SLAB_DEBUG_FLAGS: Final = (
    SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE
)
"""A cache with any of these takes the slow, checked paths (`kmem_cache_debug`)."""

METADATA_FLAGS: Final = SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER
"""Debug flags that make objects bigger (`DEBUG_METADATA_FLAGS`)."""

PERMITTED_FLAGS: Final = 0x1FFFF & ~SLAB_KMALLOC | NO_OBJ_EXT
"""What `kmem_cache_create` accepts; any other bit is -EINVAL (`SLAB_FLAGS_PERMITTED`)."""

WORD: Final = 8
CACHE_LINE: Final = 64
TRACK_SIZE: Final = 32
"""`sizeof(struct track)`: address, stack handle, CPU, pid, time."""

MAX_ORDER: Final = 10
COSTLY_ORDER: Final = 3
MIN_PARTIAL: Final = 5
MAX_PARTIAL: Final = 10
KMALLOC_MAX_SIZE: Final = PAGE_SIZE << MAX_ORDER

KASAN_TRACK_SIZE: Final = 16
"""KASAN's metadata per object, once for the allocation and once for the free."""

_KASAN_ZONES: Final = (
    (64, 16),
    (128, 32),
    (512, 64),
    (4096, 128),
    (1 << 14, 256),
    (1 << 15, 512),
    (1 << 16, 1024),
)
"""(object and red zone together, red zone) in bytes (`mm/kasan/generic.c:optimal_redzone`)."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The layout of a cache. Bytes, except orders and counts of objects per slab.

    `offset` is where a free object keeps its free pointer; `red_left_pad` bytes precede the
    address that is handed out; `inuse` ends what must survive a free (object and right red zone).
    """

    object_size: int
    size: int
    align: int
    inuse: int
    offset: int
    red_left_pad: int
    flags: int
    order: int
    objects: int
    min_order: int
    min_objects: int
    allocflags: int
    min_partial: int
    cpu_partial: int
    cpu_partial_slabs: int

    def __reduce__(self) -> tuple[Callable[..., Geometry], tuple[int, ...]]:
        # A snapshot holds nearly two hundred of these, and machines are woken all the time.
        return _geometry, _VALUES(self)


_VALUES: Final[Callable[[Geometry], tuple[int, ...]]] = attrgetter(
    *(each.name for each in fields(Geometry))
)


@lru_cache(maxsize=4096)
def _geometry(*values: int) -> Geometry:
    return Geometry(*values)


def round_up(value: int, step: int) -> int:
    """Round up to a multiple of `step`."""
    return -(-value // step) * step


def calculate_alignment(flags: int, align: int, size: int) -> int:
    """Return the alignment in bytes of a cache's objects (`calculate_alignment`)."""
    if flags & SLAB_HWCACHE_ALIGN:
        line = CACHE_LINE
        while size <= line // 2:
            line //= 2
        align = max(align, line)
    return round_up(max(align, WORD), WORD)


def calculate_order(size: int, cpus: int, max_order: int = COSTLY_ORDER) -> int:
    """Return the page order of a cache's slabs, -1 if no order can hold one object.

    `cpus` is the number of present CPUs: more of them mean bigger slabs (`calculate_order`).
    """
    wanted = 4 * (cpus.bit_length() + 1)
    wanted = min(wanted, max((PAGE_SIZE << max_order) // size, 1))
    least = get_order(wanted * size)
    for fraction in (16, 8, 4, 2):
        for order in range(least, max_order + 1):
            slab_bytes = PAGE_SIZE << order
            if slab_bytes % size <= slab_bytes // fraction:
                return order
    order = get_order(size)
    return order if order <= MAX_ORDER else -1


def cpu_partial_objects(size: int, flags: int) -> int:
    """Return how many objects a CPU's partial slabs should hold (`set_cpu_partial`)."""
    if flags & SLAB_DEBUG_FLAGS:
        return 0
    if size >= PAGE_SIZE:
        return 6
    if size >= 1024:
        return 24
    return 52 if size >= 256 else 120


def min_partial_slabs(size: int) -> int:
    """Return how many empty slabs a node may keep (`kmem_cache_open`: ilog2(size) / 2)."""
    return max(MIN_PARTIAL, min(MAX_PARTIAL, (size.bit_length() - 1) // 2))


def calculate_sizes(
    object_size: int,
    align: int = 0,
    flags: int = 0,
    *,
    ctor: bool = False,
    freeptr_offset: int | None = None,
    cpus: int = 1,
    kasan: bool = False,
) -> Geometry | None:
    """Lay out a cache; None when no page order can hold an object (-EINVAL).

    `align` is already the outcome of `calculate_alignment`. `freeptr_offset` is what a
    TYPESAFE_BY_RCU cache may ask for.
    """
    size = round_up(object_size, WORD)
    if flags & SLAB_POISON and not flags & SLAB_TYPESAFE_BY_RCU and not ctor:
        flags |= OBJECT_POISON
    else:
        flags &= ~OBJECT_POISON
    if flags & SLAB_RED_ZONE and size == object_size:
        size += WORD
    inuse = size
    if _free_pointer_outside(object_size, flags, ctor, freeptr_offset):
        offset = size
        size += WORD
    elif flags & SLAB_TYPESAFE_BY_RCU and freeptr_offset is not None:
        offset = freeptr_offset
    else:
        offset = object_size // 2 // WORD * WORD
    if flags & SLAB_STORE_USER:
        size += 2 * TRACK_SIZE
        if flags & SLAB_KMALLOC:
            size += WORD
    if kasan:
        size = _with_kasan_metadata(object_size, size, flags, ctor)
    red_left_pad = 0
    if flags & SLAB_RED_ZONE:
        red_left_pad = round_up(WORD, align)
        size += WORD + red_left_pad
    size = round_up(size, align)
    order = calculate_order(size, cpus)
    if order < 0:
        return None
    return _with_counts(object_size, size, align, inuse, offset, red_left_pad, flags, order)


def _free_pointer_outside(
    object_size: int, flags: int, ctor: bool, freeptr_offset: int | None
) -> bool:
    """Tell whether the free pointer must not overlay the object's own bytes."""
    keeps_contents = bool(flags & SLAB_TYPESAFE_BY_RCU) and freeptr_offset is None
    keeps_request = flags & SLAB_KMALLOC and flags & SLAB_STORE_USER
    red_zone_needs_it = bool(flags & SLAB_RED_ZONE and (object_size < WORD or keeps_request))
    return keeps_contents or bool(flags & SLAB_POISON) or ctor or red_zone_needs_it


def _with_kasan_metadata(object_size: int, size: int, flags: int, ctor: bool) -> int:
    """Add KASAN's per-object metadata and red zone (`mm/kasan/generic.c:kasan_cache_create`)."""
    if size + KASAN_TRACK_SIZE > KMALLOC_MAX_SIZE:
        return size
    size += KASAN_TRACK_SIZE
    if flags & SLAB_TYPESAFE_BY_RCU or ctor or object_size < KASAN_TRACK_SIZE:
        size += KASAN_TRACK_SIZE
    zone = next((zone for limit, zone in _KASAN_ZONES if object_size <= limit - zone), 2048)
    return min(max(size, object_size + zone), KMALLOC_MAX_SIZE)


def _with_counts(
    object_size: int,
    size: int,
    align: int,
    inuse: int,
    offset: int,
    red_left_pad: int,
    flags: int,
    order: int,
) -> Geometry:
    min_order = get_order(size)
    objects = (PAGE_SIZE << order) // size
    partial = cpu_partial_objects(size, flags)
    return Geometry(
        object_size=object_size,
        size=size,
        align=align,
        inuse=inuse,
        offset=offset,
        red_left_pad=red_left_pad,
        flags=flags,
        order=order,
        objects=objects,
        min_order=min_order,
        min_objects=(PAGE_SIZE << min_order) // size,
        allocflags=allocation_flags(flags),
        min_partial=min_partial_slabs(size),
        cpu_partial=partial,
        cpu_partial_slabs=-(-2 * partial // objects),
    )


def allocation_flags(flags: int) -> int:
    """Return the gfp bits a cache adds when it asks for pages (`s->allocflags`)."""
    mask = gfp_flags.COMP
    if flags & SLAB_CACHE_DMA:
        mask |= gfp_flags.GFP_DMA_BIT
    if flags & SLAB_CACHE_DMA32:
        mask |= gfp_flags.DMA32_BIT
    if flags & SLAB_RECLAIM_ACCOUNT:
        mask |= gfp_flags.RECLAIMABLE
    return mask
