"""Freeing: back to this CPU's list, to the slab, to the CPU's or node's partial slabs.

Source: `mm/slub.c:do_slab_free`, `__slab_free`, `put_cpu_partial`, `__put_partials`,
`deactivate_slab`, `free_to_partial_list`, `__kmem_cache_do_shrink`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.check.oops import bug
from kmemquest.kernel.events import ObjectFreed, Report
from kmemquest.kernel.mm import slab_debug
from kmemquest.kernel.mm.slab_cache import KmemCache, Slab, read_link, write_link
from kmemquest.kernel.mm.slab_geometry import SLAB_STORE_USER
from kmemquest.kernel.mm.slub_pages import discard

if TYPE_CHECKING:
    from kmemquest.kernel.mm.slub import SlabAllocator

FAST_COST: Final = 20
"""Nanoseconds when the object's slab is this CPU's."""
SLOW_COST: Final = 60
"""More of them to update another slab's list."""
NODE_COST: Final = 100
"""More of them when the node's lock is needed."""
DEBUG_COST: Final = 700
"""More of them for the checks and the stack trace of a debug cache."""

PROMOTE_MAX: Final = 32
"""Shrinking sorts slabs with up to this many free objects (`SHRINK_PROMOTE_MAX`)."""
BUG_LINE: Final = 547
"""Where 6.12's `set_freepointer` refuses an object that is already the head."""
INUSE_MASK: Final = 0xFFFF
"""`slab->inuse` has 16 bits; one free too many makes it wrap."""
STUCK: Final = 26_000_000_000
"""Nanoseconds until the watchdog reports a CPU that walks a cyclic list for ever."""


def free_objects(
    slub: SlabAllocator, slab: Slab, objects: list[int], call: str, *, noted: bool = False
) -> None:
    """Free objects of one slab in one go; the new list starts with `objects[0]`.

    `noted` objects have been announced as freed before (they come out of the quarantine).
    """
    machine, cache = slub.machine, slab.cache
    slub.call = call
    machine.clock.advance(FAST_COST)
    if cache.is_debug:
        machine.clock.advance(DEBUG_COST)
        _free_checked(slub, slab, objects, call, noted=noted)
        return
    cpu = cache.cpus[slub.cpu]
    if slab is cpu.slab:
        if _link_in_front(slub, cache, objects, cpu.freelist, call):
            cpu.freelist = objects[0]
            if not noted:
                note_freed(slub, slab, objects)
        return
    machine.clock.advance(SLOW_COST)
    _free_elsewhere(slub, slab, objects, call, noted=noted)


def _link_in_front(
    slub: SlabAllocator, cache: KmemCache, objects: list[int], head: int, call: str
) -> bool:
    """Chain `objects` before `head` (`set_freepointer`); False after a BUG or an oops."""
    machine = slub.machine
    for obj, following in zip(objects, [*objects[1:], head], strict=True):
        if obj == following:
            bug(machine, "mm/slub.c", BUG_LINE, call, kind="double-free")
            return False
        if not write_link(machine.memory, cache, obj, following):
            slub.fault(obj + cache.offset, write=True)
            return False
    return True


def _free_elsewhere(
    slub: SlabAllocator, slab: Slab, objects: list[int], call: str, *, noted: bool
) -> None:
    """Free into a slab that is not this CPU's (`__slab_free`)."""
    cache = slab.cache
    prior = slab.freelist
    if not _link_in_front(slub, cache, objects, prior, call):
        return
    slab.freelist = objects[0]
    slab.inuse = (slab.inuse - len(objects)) & INUSE_MASK
    if not noted:
        note_freed(slub, slab, objects)
    if slab.frozen:
        return
    if not prior:
        put_cpu_partial(slub, slab, drain=True)
        return
    if slab.inuse or not slab.on_node_list:
        return
    slub.machine.clock.advance(NODE_COST)
    node = cache.nodes[slab.node]
    if len(node.partial) >= cache.min_partial:
        node.remove_partial(slab)
        discard(slub, slab)


def put_cpu_partial(slub: SlabAllocator, slab: Slab, *, drain: bool) -> None:
    """Put a slab on this CPU's partial list, emptying the list first when it is full."""
    cache = slab.cache
    partial = cache.cpus[slub.cpu].partial
    detached: list[Slab] = []
    count = partial[0].slabs if partial else 0
    if drain and partial and count >= cache.geometry.cpu_partial_slabs:
        detached = partial[:]
        partial.clear()
        count = 0
    slab.slabs = count + 1
    partial.insert(0, slab)
    if detached:
        put_partials(slub, cache, detached)


def put_partials(slub: SlabAllocator, cache: KmemCache, slabs: list[Slab]) -> None:
    """Give CPU-partial slabs to their nodes, the surplus empty ones to the page allocator."""
    slub.machine.clock.advance(NODE_COST)
    surplus = []
    for slab in slabs:
        node = cache.nodes[slab.node]
        if not slab.inuse and len(node.partial) >= cache.min_partial:
            surplus.append(slab)
        else:
            node.add_partial(slab, tail=True)
    for slab in reversed(surplus):
        discard(slub, slab)


def deactivate_slab(slub: SlabAllocator, slab: Slab, freelist: int) -> None:
    """Take a CPU's slab away from it, with the objects left on the CPU's list."""
    machine, cache = slub.machine, slab.cache
    machine.clock.advance(NODE_COST)
    tail = bool(slab.freelist)
    objects: list[int] = []
    obj = freelist
    while obj:
        if len(objects) > INUSE_MASK:
            _report_stuck(slub)
            return
        following = read_link(machine.memory, cache, obj)
        if following is None:
            slub.fault(obj + cache.offset, write=False)
            return
        objects.append(obj)
        obj = following
    if objects:
        write_link(machine.memory, cache, objects[-1], slab.freelist)
        slab.freelist = objects[0]
        slab.inuse = (slab.inuse - len(objects)) & INUSE_MASK
    slab.frozen = False
    node = cache.nodes[slab.node]
    if not slab.inuse and len(node.partial) >= cache.min_partial:
        discard(slub, slab)
    elif slab.freelist:
        node.add_partial(slab, tail=tail)


def flush_cpu(slub: SlabAllocator, cache: KmemCache, cpu: int) -> None:
    """Give up one CPU's slab and partial slabs (`__flush_cpu_slab`)."""
    state = cache.cpus[cpu]
    slab, freelist = state.slab, state.freelist
    if slab is not None:
        state.slab, state.freelist = None, 0
        deactivate_slab(slub, slab, freelist)
    partial, state.partial = state.partial, []
    if partial:
        put_partials(slub, cache, partial)


def shrink(slub: SlabAllocator, cache: KmemCache) -> int:
    """Return all empty slabs; 1 if slabs remain, else 0 (`__kmem_cache_shrink`)."""
    for cpu in range(len(cache.cpus)):
        flush_cpu(slub, cache, cpu)
    for node in cache.nodes:
        buckets: list[list[Slab]] = [[] for _ in range(PROMOTE_MAX)]
        empty: list[Slab] = []
        for slab in list(node.partial.values()):
            free = slab.objects - slab.inuse
            if free == slab.objects:
                node.remove_partial(slab)
                empty.insert(0, slab)
            elif 0 < free <= PROMOTE_MAX:
                buckets[free - 1].insert(0, slab)
        for bucket in reversed(buckets):
            for slab in reversed(bucket):
                node.partial.move_to_end(slab.pfn, last=False)
        for slab in empty:
            discard(slub, slab)
    return int(cache.nr_slabs > 0)


# --- caches with debug flags ------------------------------------------------------------------


def _free_checked(
    slub: SlabAllocator, slab: Slab, objects: list[int], call: str, *, noted: bool
) -> None:
    """Free with all checks, straight to the node's lists (`free_to_partial_list`)."""
    cache = slab.cache
    good = slab_debug.check_free(slub, slab, objects)
    if not good:
        return
    drop = slab.inuse == len(objects) and (len(cache.nodes[slab.node].partial) >= cache.min_partial)
    prior = slab.freelist
    if not _link_in_front(slub, cache, objects, prior, call):
        return
    slab.freelist = objects[0]
    slab.inuse = (slab.inuse - len(objects)) & INUSE_MASK
    if not noted:
        note_freed(slub, slab, objects)
    node = cache.nodes[slab.node]
    if not prior:
        if cache.flags & SLAB_STORE_USER:
            node.full.pop(slab.pfn, None)
        if not drop:
            node.add_partial(slab, tail=True)
    elif drop:
        node.remove_partial(slab)
    if drop:
        discard(slub, slab)


def note_freed(slub: SlabAllocator, slab: Slab, objects: list[int]) -> None:
    """Tell the listeners; notice frees of what nobody owns, on which the kernel is silent."""
    machine = slub.machine
    for obj in objects:
        index = slab.index_of(obj)
        if machine.events.active:
            machine.events.emit(ObjectFreed(slab.cache.name, obj, slab.pfn, index, machine.site))
        if index < 0 or obj != slab.slot(index):
            _say_silently(slub, "invalid-free", obj)
        elif not slab.owned >> index & 1:
            _say_silently(slub, "double-free", obj)
        else:
            slab.owned &= ~(1 << index)


def _say_silently(slub: SlabAllocator, kind: str, address: int) -> None:
    machine = slub.machine
    if machine.events.active:
        machine.events.emit(
            Report(kind, "silent", "", address=address, site=machine.site, spoken=False)
        )


def _report_stuck(slub: SlabAllocator) -> None:
    """A cyclic free list is walked for ever: the CPU hangs with interrupts off."""
    from kmemquest.kernel.machine import Fate

    machine = slub.machine
    machine.clock.advance(STUCK)
    task = machine.context.task
    headline = (
        f"watchdog: BUG: soft lockup - CPU#{slub.cpu} stuck for 26s! [{task.comm}:{task.pid}]"
    )
    machine.report(Report("soft-lockup", "BUG report", headline, site=machine.site))
    machine.fate = Fate.CPU_HANGS
