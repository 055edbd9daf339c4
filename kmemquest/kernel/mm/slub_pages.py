"""A slab's pages: getting them, cutting them into objects, giving them back.

Source: `mm/slub.c:new_slab`, `allocate_slab`, `shuffle_freelist`, `discard_slab`,
`slab_out_of_memory`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, get_order
from kmemquest.kernel.check.oops import warn_once
from kmemquest.kernel.events import Report, SlabCreated, SlabDiscarded
from kmemquest.kernel.log import KERN_WARNING
from kmemquest.kernel.mm import slab_debug
from kmemquest.kernel.mm.slab_cache import (
    KmemCache,
    Slab,
    encode_pointer,
)
from kmemquest.kernel.mm.slab_geometry import (
    METADATA_FLAGS,
    SLAB_CONSISTENCY_CHECKS,
    SLAB_POISON,
    SLAB_TYPESAFE_BY_RCU,
)
from kmemquest.kernel.mm.slub_named import KERNEL_CTOR
from kmemquest.kernel.text.dump_stack import dump_stack

if TYPE_CHECKING:
    from kmemquest.kernel.mm.slub import SlabAllocator

NO_PAGE: Final = -1

RECLAIM_MASK: Final = (
    gfp_flags.RECLAIM
    | gfp_flags.HIGH
    | gfp_flags.IO
    | gfp_flags.FS
    | gfp_flags.NOWARN
    | gfp_flags.RETRY_MAYFAIL
    | gfp_flags.NOFAIL
    | gfp_flags.NORETRY
    | gfp_flags.MEMALLOC
    | gfp_flags.NOMEMALLOC
)
"""The caller's bits that reach the page allocator (`GFP_RECLAIM_MASK`)."""

CONSTRAINT_MASK: Final = gfp_flags.HARDWALL | gfp_flags.THISNODE
SLAB_BUG_MASK: Final = gfp_flags.DMA32_BIT | gfp_flags.HIGHMEM | ~gfp_flags.BITS_MASK
"""Bits that make no sense for slab memory (`GFP_SLAB_BUG_MASK`)."""

NEW_SLAB_COST: Final = 350
"""Nanoseconds to set up a slab besides getting its pages."""
OBJECT_SETUP_COST: Final = 3
"""Nanoseconds per object that is linked into a new slab's free list."""
GRACE_PERIOD: Final = 20_000_000
"""Nanoseconds until the pages of a TYPESAFE_BY_RCU slab may go (an RCU grace period)."""
MESSAGE_BURST: Final = 10
MESSAGE_INTERVAL: Final = 5_000_000_000


def fix_flags(slub: SlabAllocator, gfp: int) -> int:
    """Strip flags that slab memory cannot honour, with a message (`kmalloc_fix_flags`)."""
    if not gfp & SLAB_BUG_MASK:
        return gfp
    machine = slub.machine
    invalid = gfp & SLAB_BUG_MASK
    fixed = gfp & ~SLAB_BUG_MASK
    headline = (
        f"Unexpected gfp: {invalid:#x} ({gfp_flags.format_gfp(invalid)}). "
        f"Fixing up to gfp: {fixed:#x} ({gfp_flags.format_gfp(fixed)}). Fix your code!"
    )
    lines = (headline, *dump_stack(machine, ("dump_stack_lvl", "kmalloc_fix_flags")))
    machine.report(
        Report("unexpected-gfp", "message", headline, lines, site=machine.site), KERN_WARNING
    )
    return fixed


def new_slab(slub: SlabAllocator, cache: KmemCache, gfp: int, nid: int | None) -> Slab | None:
    """Get pages for a slab and link its objects; None when there is no memory."""
    machine = slub.machine
    slub.run_deferred()
    gfp = fix_flags(slub, gfp)
    if cache.ctor and gfp & gfp_flags.ZERO:
        warn_once(machine, "slab-ctor-zero", "mm/slub.c", 2697, "___slab_alloc", kind="ctor-zero")
    flags = (gfp & (RECLAIM_MASK | CONSTRAINT_MASK)) | cache.geometry.allocflags
    pfn, order = _get_pages(slub, cache, flags, nid)
    if pfn == NO_PAGE:
        return None
    slab = Slab(cache, pfn, order, (PAGE_SIZE << order) // cache.size, slub.node_of(pfn))
    _adopt(slub, slab)
    _cut(slub, slab)
    machine.clock.advance(NEW_SLAB_COST + OBJECT_SETUP_COST * slab.objects)
    if machine.events.active:
        machine.events.emit(SlabCreated(cache.name, pfn, order, slab.objects, cache.size))
    return slab


def _get_pages(
    slub: SlabAllocator, cache: KmemCache, flags: int, nid: int | None
) -> tuple[int, int]:
    """Try the preferred order without effort, then the smallest one with all of it."""
    geometry, pages = cache.geometry, slub.machine.pages
    light = (flags | gfp_flags.NOWARN | gfp_flags.NORETRY) & ~gfp_flags.NOFAIL
    if light & gfp_flags.DIRECT_RECLAIM and geometry.order > geometry.min_order:
        light = (light | gfp_flags.NOMEMALLOC) & ~gfp_flags.RECLAIM
    pfn = pages.alloc_pages(light, geometry.order, nid)
    if pfn != NO_PAGE:
        return pfn, geometry.order
    return pages.alloc_pages(flags, geometry.min_order, nid), geometry.min_order


def _adopt(slub: SlabAllocator, slab: Slab) -> None:
    """Mark the frames as this slab's and count it."""
    machine = slub.machine
    machine.pages.frames.set_slab(slab.pfn, slab.order)
    for pfn in range(slab.pfn, slab.pfn + (1 << slab.order)):
        slub.slabs[pfn] = slab
    if machine.checks.kasan is not None:
        machine.checks.kasan.slab_created(slab.address, PAGE_SIZE << slab.order)
    node = slab.cache.nodes[slab.node]
    node.nr_slabs += 1
    node.total_objects += slab.objects


def _cut(slub: SlabAllocator, slab: Slab) -> None:
    """Write patterns, run the constructor, and link the objects in their order."""
    machine, cache = slub.machine, slab.cache
    memory = machine.memory
    if cache.flags & SLAB_POISON:
        memory.fill(slab.address, slab_debug.POISON_INUSE, PAGE_SIZE << slab.order)
    addresses = [slab.slot(index) for index in slub.object_order(slab)]
    if cache.flags & METADATA_FLAGS:
        for address in addresses:
            slab_debug.init_object(memory, cache, address, slab_debug.RED_INACTIVE)
    if slub.run_constructor is not None and cache.ctor not in (0, KERNEL_CTOR):
        kasan = machine.checks.kasan
        for address in addresses:
            if kasan is not None:
                kasan.new_object_opened(address, cache.object_size)
            slub.run_constructor(cache.ctor, address)
            if kasan is not None:
                kasan.slab_created(address, cache.object_size)
    _link(slub, cache, addresses)
    slab.freelist = addresses[0]


def _link(slub: SlabAllocator, cache: KmemCache, addresses: list[int]) -> None:
    """Write the free pointers of a whole slab."""
    memory = slub.machine.memory
    frames, offset = memory.frames, cache.offset
    following = iter([*addresses[1:], 0])
    for obj in addresses:
        location = obj + offset
        stored = encode_pointer(cache, next(following), location).to_bytes(8, "little")
        physical = slub.to_physical(location)
        frame = frames.get(physical >> PAGE_SHIFT)
        start = physical & 0xFFF
        if frame is None or start > 0xFF8 or memory.stale:
            memory.poke(location, stored)
        else:
            frame[start : start + 8] = stored


def discard(slub: SlabAllocator, slab: Slab) -> None:
    """Give an empty slab's pages back, after a grace period if the cache wants one."""
    cache = slab.cache
    node = cache.nodes[slab.node]
    node.nr_slabs -= 1
    node.total_objects -= slab.objects
    if cache.flags & SLAB_CONSISTENCY_CHECKS:
        slab_debug.check_before_discard(slub, slab)
    if cache.flags & SLAB_TYPESAFE_BY_RCU:
        slub.deferred.append((slub.machine.clock.now + GRACE_PERIOD, slab))
    else:
        release_pages(slub, slab)


def release_pages(slub: SlabAllocator, slab: Slab) -> None:
    """Hand the frames to the page allocator (`__free_slab`)."""
    machine = slub.machine
    for pfn in range(slab.pfn, slab.pfn + (1 << slab.order)):
        slub.slabs.pop(pfn, None)
    machine.pages.frames.clear_slab(slab.pfn)
    if machine.events.active:
        machine.events.emit(SlabDiscarded(slab.cache.name, slab.pfn, slab.order))
    slub.released_pages += 1 << slab.order
    machine.pages.free_pages(slab.pfn, slab.order)


def out_of_memory(slub: SlabAllocator, cache: KmemCache, gfp: int, nid: int | None) -> None:
    """Say that no slab could be had (`slab_out_of_memory`), at most 10 times in 5 s."""
    machine = slub.machine
    if gfp & gfp_flags.NOWARN or not slub.may_complain(MESSAGE_BURST, MESSAGE_INTERVAL):
        return
    geometry = cache.geometry
    headline = (
        f"SLUB: Unable to allocate memory on CPU {slub.cpu} (of node {slub.node_of_cpu}) "
        f"on node {-1 if nid is None else nid}, gfp={gfp:#x}({gfp_flags.format_gfp(gfp)})"
    )
    lines = [
        headline,
        f"  cache: {cache.name}, object size: {cache.object_size}, buffer size: {cache.size}, "
        f"default order: {geometry.order}, min order: {geometry.min_order}",
    ]
    if geometry.min_order > get_order(cache.object_size):
        lines.append(f"  {cache.name} debugging increased min order, use slab_debug=O to disable.")
    for index, node in enumerate(cache.nodes):
        free = sum(slab.objects - slab.inuse for slab in node.partial.values())
        lines.append(
            f"  node {index}: slabs: {node.nr_slabs}, objs: {node.total_objects}, free: {free}"
        )
    machine.report(
        Report("slab-out-of-memory", "message", headline, tuple(lines), site=machine.site),
        KERN_WARNING,
    )


def add_full_slab(slub: SlabAllocator, cache: KmemCache) -> Slab | None:
    """Add a slab all of whose objects are in use; None when there is no memory."""
    geometry, machine = cache.geometry, slub.machine
    flags = gfp_flags.GFP_KERNEL | geometry.allocflags
    pfn, order = _get_pages(slub, cache, flags, None)
    if pfn == NO_PAGE:
        return None
    slab = Slab(cache, pfn, order, (PAGE_SIZE << order) // cache.size, slub.node_of(pfn))
    slab.inuse = slab.objects
    slab.owned = (1 << slab.objects) - 1
    _adopt(slub, slab)
    if machine.events.active:
        machine.events.emit(SlabCreated(cache.name, pfn, order, slab.objects, cache.size))
    return slab
