"""Allocation: the CPU's list, the CPU's partial slabs, the node's partial slabs, new pages.

Source: `mm/slub.c:slab_alloc_node`, `___slab_alloc`, `get_partial_node`, `get_any_partial`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.events import ObjectAllocated, Report
from kmemquest.kernel.mm import slab_debug
from kmemquest.kernel.mm.slab_cache import CpuSlab, KmemCache, Slab, read_link
from kmemquest.kernel.mm.slab_geometry import (
    SLAB_POISON,
    SLAB_STORE_USER,
    SLAB_TYPESAFE_BY_RCU,
)
from kmemquest.kernel.mm.slub_free import deactivate_slab, put_cpu_partial, put_partials
from kmemquest.kernel.mm.slub_pages import new_slab, out_of_memory

if TYPE_CHECKING:
    from kmemquest.kernel.mm.slub import SlabAllocator

FAST_COST: Final = 25
"""Nanoseconds when the CPU's own list has an object."""
REFILL_COST: Final = 45
"""More of them to take over a slab's list or a CPU-partial slab."""
NODE_COST: Final = 120
"""More of them to take slabs from the node's list under its lock."""
DEBUG_COST: Final = 600
"""More of them for the checks and the stack trace of a debug cache."""
ZERO_COST_PER_16_BYTES: Final = 1
"""Nanoseconds to clear 16 bytes."""


def allocate(
    slub: SlabAllocator,
    cache: KmemCache,
    gfp: int,
    nid: int | None,
    requested: int,
    call: str,
) -> int:
    """Return an object's address or 0 (`slab_alloc_node`). `requested` is in bytes."""
    machine = slub.machine
    machine.checks.might_sleep(call, gfp)
    slub.call = call
    faults = machine.checks.faults
    if faults is not None and faults.should_failslab(cache, gfp):
        return 0
    obj = take_object(slub, cache, gfp, nid, requested)
    if not obj:
        return 0
    finish(slub, cache, obj, gfp, requested)
    return obj


def finish(slub: SlabAllocator, cache: KmemCache, obj: int, gfp: int, requested: int) -> None:
    """Do what follows once an object was found: clear it, tell checkers and listeners."""
    _initialise(slub, cache, obj, gfp, requested)
    _note_allocated(slub, cache, obj, gfp, requested)


def take_object(
    slub: SlabAllocator, cache: KmemCache, gfp: int, nid: int | None, requested: int
) -> int:
    """Take a free object without touching its contents; 0 on failure or after an oops."""
    machine = slub.machine
    machine.clock.advance(FAST_COST)
    if cache.is_debug:
        machine.clock.advance(DEBUG_COST)
        return _take_checked(slub, cache, gfp, nid, requested)
    cpu = cache.cpus[slub.cpu]
    slab = cpu.slab
    if cpu.freelist and slab is not None and (nid is None or slab.node == nid):
        return _pop(slub, cache, cpu)
    return _slow_path(slub, cache, cpu, gfp, nid)


def _pop(slub: SlabAllocator, cache: KmemCache, cpu: CpuSlab) -> int:
    """Take the head of a CPU's list; a wild head faults while its link is read."""
    obj = cpu.freelist
    following = read_link(slub.machine.memory, cache, obj)
    if following is None:
        slub.fault(obj + cache.offset, write=False)
        return 0
    cpu.freelist = following
    return obj


def _slow_path(
    slub: SlabAllocator, cache: KmemCache, cpu: CpuSlab, gfp: int, nid: int | None
) -> int:
    clock = slub.machine.clock
    if nid is not None and not 0 <= nid < len(cache.nodes):
        nid = None
    slab = cpu.slab
    if slab is not None and nid is not None and slab.node != nid:
        freelist, cpu.slab, cpu.freelist = cpu.freelist, None, 0
        deactivate_slab(slub, slab, freelist)
    elif slab is not None and _take_over(cpu, slab):
        clock.advance(REFILL_COST)
        return _pop(slub, cache, cpu)
    cpu.slab = None
    while cpu.partial:
        slab = cpu.partial.pop(0)
        if nid is None or slab.node == nid:
            clock.advance(REFILL_COST)
            cpu.slab = slab
            _take_over(cpu, slab)
            return _pop(slub, cache, cpu)
        put_partials(slub, cache, [slab])
    slab = _partial_or_new(slub, cache, gfp, nid)
    if slab is None:
        out_of_memory(slub, cache, gfp, nid)
        return 0
    cpu.slab = slab
    _take_over(cpu, slab)
    return _pop(slub, cache, cpu)


def _take_over(cpu: CpuSlab, slab: Slab) -> bool:
    """Move a slab's whole list to the CPU (`get_freelist`); False if there was nothing."""
    if not slab.freelist:
        slab.frozen = False
        return False
    cpu.freelist = slab.freelist
    slab.freelist = 0
    slab.inuse = slab.objects
    slab.frozen = True
    return True


def _partial_or_new(
    slub: SlabAllocator, cache: KmemCache, gfp: int, nid: int | None
) -> Slab | None:
    """Find a slab on the nodes' lists or make one, the wanted node first."""
    for flags, strict in _attempts(gfp, nid):
        slub.machine.clock.advance(NODE_COST)
        slab = _get_partial(slub, cache, nid, strict=strict)
        if slab is None:
            slab = new_slab(slub, cache, flags, nid)
        if slab is not None:
            return slab
    return None


def _attempts(gfp: int, nid: int | None) -> tuple[tuple[int, bool], ...]:
    """(flags, must come from that node) of each try, for a request with or without a node."""
    if nid is None:
        return ((gfp, False),)
    if gfp & gfp_flags.THISNODE:
        return ((gfp, True),)
    return ((gfp_flags.GFP_NOWAIT | gfp_flags.THISNODE, True), (gfp, False))


def _get_partial(
    slub: SlabAllocator, cache: KmemCache, nid: int | None, *, strict: bool
) -> Slab | None:
    wanted = slub.node_of_cpu if nid is None else nid
    slab = _get_partial_node(slub, cache, wanted)
    if slab is not None or (nid is not None and strict):
        return slab
    for other in slub.fallback_nodes(wanted):
        if len(cache.nodes[other].partial) > cache.min_partial:
            slab = _get_partial_node(slub, cache, other)
            if slab is not None:
                return slab
    return None


def _get_partial_node(slub: SlabAllocator, cache: KmemCache, nid: int) -> Slab | None:
    """Take the node's first slab, and some more for the CPU's partial list."""
    node = cache.nodes[nid]
    if not node.partial:
        return None
    first = next(iter(node.partial.values()))
    node.remove_partial(first)
    limit = cache.geometry.cpu_partial_slabs
    if limit:
        for slab in list(node.partial.values())[: limit // 2 + 1]:
            node.remove_partial(slab)
            put_cpu_partial(slub, slab, drain=False)
    return first


# --- caches with debug flags ------------------------------------------------------------------


def _take_checked(
    slub: SlabAllocator, cache: KmemCache, gfp: int, nid: int | None, requested: int
) -> int:
    """Take one object under the node's lock, with all checks (`alloc_single_from_partial`)."""
    if nid is not None and not 0 <= nid < len(cache.nodes):
        nid = None
    for flags, strict in _attempts(gfp, nid):
        slub.machine.clock.advance(NODE_COST)
        obj = _single_from_partial(slub, cache, nid, requested, strict=strict)
        while not obj:
            slab = new_slab(slub, cache, flags, nid)
            if slab is None:
                break
            obj = _single_from_slab(slub, slab, requested, fresh=True)
        if obj:
            if cache.flags & SLAB_STORE_USER:
                slab_debug.set_track(slub, cache, obj, allocated=True)
            return obj
    out_of_memory(slub, cache, gfp, nid)
    return 0


def _single_from_partial(
    slub: SlabAllocator, cache: KmemCache, nid: int | None, requested: int, *, strict: bool
) -> int:
    wanted = slub.node_of_cpu if nid is None else nid
    nodes = [wanted]
    if nid is None or not strict:
        nodes += [
            other
            for other in slub.fallback_nodes(wanted)
            if len(cache.nodes[other].partial) > cache.min_partial
        ]
    for index in nodes:
        for slab in list(cache.nodes[index].partial.values()):
            obj = _single_from_slab(slub, slab, requested, fresh=False)
            if obj:
                return obj
    return 0


def _single_from_slab(slub: SlabAllocator, slab: Slab, requested: int, *, fresh: bool) -> int:
    """Pop one object and check it; 0 takes the slab out of circulation."""
    cache = slab.cache
    node = cache.nodes[slab.node]
    obj = slab.freelist
    following = read_link(slub.machine.memory, cache, obj)
    slab.freelist = following or 0
    slab.inuse += 1
    if not slab_debug.check_allocation(slub, slab, obj, requested):
        node.remove_partial(slab)
        return 0
    if slab.inuse == slab.objects:
        node.remove_partial(slab)
        if cache.flags & SLAB_STORE_USER:
            node.full[slab.pfn] = slab
    elif fresh:
        node.add_partial(slab, tail=False)
    return obj


# --- after the object was found ---------------------------------------------------------------


def _initialise(slub: SlabAllocator, cache: KmemCache, obj: int, gfp: int, requested: int) -> None:
    """Zero the object if anybody wants it (`slab_post_alloc_hook`)."""
    memory = slub.machine.memory
    if wants_zero(slub, cache, gfp):
        keeps_request = cache.is_kmalloc and cache.flags & SLAB_STORE_USER
        size = requested if keeps_request else cache.object_size
        memory.fill(obj, 0, size)
        slub.machine.clock.advance(size // 16 * ZERO_COST_PER_16_BYTES)
    elif not cache.ctor:
        memory.mark_stale(obj, cache.object_size)


def wants_zero(slub: SlabAllocator, cache: KmemCache, gfp: int) -> bool:
    """Tell whether an allocation is cleared (`mm/slab.h:slab_want_init_on_alloc`)."""
    if not slub.init_on_alloc:
        return bool(gfp & gfp_flags.ZERO)
    if cache.ctor:
        return False
    if cache.flags & (SLAB_TYPESAFE_BY_RCU | SLAB_POISON):
        return bool(gfp & gfp_flags.ZERO)
    return True


def _note_allocated(
    slub: SlabAllocator, cache: KmemCache, obj: int, gfp: int, requested: int
) -> None:
    """Tell the checkers and the listeners; notice an object that already has an owner."""
    machine = slub.machine
    slab = slub.slab_of(obj)
    index = slab.index_of(obj) if slab is not None else -1
    if machine.checks.kasan is not None and slab is not None:
        machine.checks.kasan.object_allocated(obj, cache.object_size, requested)
    if machine.events.active:
        pfn = slab.pfn if slab is not None else -1
        machine.events.emit(
            ObjectAllocated(cache.name, obj, requested, cache.size, pfn, index, gfp, machine.site)
        )
    if slab is None or slab.cache is not cache or index < 0:
        _say_silently(slub, "object-from-damaged-freelist", obj)
        return
    if slab.owned >> index & 1:
        _say_silently(slub, "object-given-twice", obj)
    slab.owned |= 1 << index


def _say_silently(slub: SlabAllocator, kind: str, address: int) -> None:
    """Note on the stream what no kernel would say."""
    machine = slub.machine
    if machine.events.active:
        machine.events.emit(
            Report(kind, "silent", "", address=address, site=machine.site, spoken=False)
        )
