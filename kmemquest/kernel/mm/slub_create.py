"""Creating and destroying caches (`mm/slab_common.c`, `mm/slub.c:do_kmem_cache_create`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.check.oops import divide_error_oops, panic, warn
from kmemquest.kernel.events import CacheDestroyed, Report
from kmemquest.kernel.log import KERN_ERR, KERN_WARNING
from kmemquest.kernel.mm import slab_debug, slub_free
from kmemquest.kernel.mm.slab_cache import CpuSlab, KmemCache, NodeSlabs, walk_freelist
from kmemquest.kernel.mm.slab_geometry import (
    KMALLOC_MAX_SIZE,
    PERMITTED_FLAGS,
    SLAB_PANIC,
    WORD,
    calculate_alignment,
    calculate_sizes,
    round_up,
)
from kmemquest.kernel.mm.slab_merge import find_mergeable
from kmemquest.kernel.mm.slub_pages import discard
from kmemquest.kernel.text.dump_stack import dump_stack, symbol

if TYPE_CHECKING:
    from kmemquest.kernel.mm.slub import SlabAllocator

CREATE_COST: Final = 25_000
"""Nanoseconds to create a cache: sysfs, per-CPU areas, the struct itself."""
DESTROY_COST: Final = 40_000
"""Nanoseconds to destroy one: all CPUs are flushed."""
CPU_STRUCT_SIZE: Final = 32
"""`sizeof(struct kmem_cache_cpu)`."""
EINVAL: Final = 22
ENOMEM: Final = 12


def create(
    slub: SlabAllocator,
    name: str,
    size: int,
    align: int,
    flags: int,
    ctor: int,
    *,
    useroffset: int,
    usersize: int,
    freeptr_offset: int | None,
) -> KmemCache | None:
    """Create or alias a cache (`__kmem_cache_create_args`); None after a message."""
    machine = slub.machine
    machine.checks.might_sleep("kmem_cache_create", None, "kernel/locking/mutex.c", 586)
    machine.clock.advance(CREATE_COST)
    if machine.spec.checkers.debug_vm and size > KMALLOC_MAX_SIZE:
        machine.log.print(f"kmem_cache_create({name}) integrity check failed", KERN_ERR)
        _refuse(slub, name, flags, EINVAL)
        return None
    if flags & ~PERMITTED_FLAGS:
        _refuse(slub, name, flags, EINVAL)
        return None
    if usersize > size or size - usersize < useroffset:
        useroffset = usersize = 0
    _note_same_name(slub, name)
    if not usersize and not ctor and slub.merging:
        existing = find_mergeable(slub.caches, size, align, slub.debug.flags_for(name, size, flags))
        if existing is not None:
            _add_alias(slub, existing, name, size)
            return existing
    if size == 0:
        inner = ("calculate_sizes", "do_kmem_cache_create", "__kmem_cache_create_args")
        divide_error_oops(machine, "reciprocal_value", inner)
        return None
    cache = open_cache(
        slub,
        name,
        size,
        align=calculate_alignment(flags, align, size),
        flags=flags,
        ctor=ctor,
        useroffset=useroffset,
        usersize=usersize,
        freeptr_offset=freeptr_offset,
    )
    if cache is None:
        _refuse(slub, name, flags, EINVAL)
        return None
    if not register(slub, cache):
        _refuse(slub, name, flags, ENOMEM)
        return None
    slub.caches.append(cache)
    slub.announce(cache, name)
    return cache


def _note_same_name(slub: SlabAllocator, name: str) -> None:
    """Two caches of one name confuse people only: DEBUG_VM says so (`kmem_cache_sanity_check`)."""
    machine = slub.machine
    if machine.checks.config.debug_vm and any(cache.name == name for cache in slub.caches):
        warn(
            machine,
            "mm/slab_common.c",
            107,
            "__kmem_cache_create_args",
            f"kmem_cache of name '{name}' already exists",
            kind="cache-name-taken",
        )


def open_cache(
    slub: SlabAllocator,
    name: str,
    size: int,
    *,
    align: int = 0,
    flags: int = 0,
    ctor: int = 0,
    useroffset: int = 0,
    usersize: int = 0,
    freeptr_offset: int | None = None,
) -> KmemCache | None:
    """Lay a cache out and draw its secrets; nothing is registered or allocated yet."""
    flags = slub.debug.flags_for(name, size, flags)
    geometry = calculate_sizes(
        size,
        calculate_alignment(flags, align, size),
        flags,
        ctor=bool(ctor),
        freeptr_offset=freeptr_offset,
        cpus=slub.nr_cpus,
        kasan=slub.quarantine is not None,
    )
    if geometry is None:
        return None
    return KmemCache(
        name,
        geometry,
        random=slub.machine.random.getrandbits(64),
        random_sequence=_draw_sequence(slub, geometry.objects),
        cpus=[CpuSlab() for _ in range(slub.nr_cpus)],
        nodes=[NodeSlabs() for _ in range(slub.nr_nodes)],
        ctor=ctor,
        useroffset=useroffset,
        usersize=usersize,
    )


def _draw_sequence(slub: SlabAllocator, count: int) -> tuple[int, ...]:
    """Draw a permutation by Fisher–Yates (`freelist_randomize`); none for a single object."""
    if count < 2:
        return ()
    sequence = list(range(count))
    for index in range(count - 1, 0, -1):
        other = slub.machine.random.randrange(index + 1)
        sequence[index], sequence[other] = sequence[other], sequence[index]
    return tuple(sequence)


def register(slub: SlabAllocator, cache: KmemCache) -> bool:
    """Allocate the `struct kmem_cache` and its node parts, and make it findable."""
    own, nodes = slub.caches[0], slub.caches[1]
    address = slub.alloc(own, gfp_flags.GFP_KERNEL | gfp_flags.ZERO)
    if not address:
        return False
    for node in range(slub.nr_nodes):
        slub.alloc(nodes, gfp_flags.GFP_KERNEL, node if slub.nr_nodes > 1 else None)
    if hasattr(slub.machine, "percpu"):
        cache.cpu_area = slub.machine.percpu.alloc(CPU_STRUCT_SIZE, 16)
    cache.address = address
    slub.by_address[address] = cache
    return True


def _add_alias(slub: SlabAllocator, cache: KmemCache, name: str, size: int) -> None:
    cache.refcount += 1
    cache.object_size = max(cache.object_size, size)
    cache.inuse = max(cache.inuse, round_up(size, WORD))
    cache.aliases.append(name)
    slub.announce(cache, name)


def _refuse(slub: SlabAllocator, name: str, flags: int, error: int) -> None:
    machine = slub.machine
    if flags & SLAB_PANIC:
        panic(
            machine,
            f"__kmem_cache_create_args: Failed to create slab '{name}'. Error -{error}",
        )
        return
    headline = f"__kmem_cache_create_args({name}) failed with error -{error}"
    trace = dump_stack(machine, ("dump_stack_lvl", "__kmem_cache_create_args"))
    machine.report(
        Report("cache-not-created", "message", headline, (headline, *trace), site=machine.site),
        KERN_WARNING,
    )


def destroy(slub: SlabAllocator, cache: KmemCache) -> None:
    """Drop a reference; with the last one flush, report what is alive, and remove the cache.

    With objects alive it only leaves the lists: its struct, its slabs and its per-CPU area stay,
    and who still has the pointer can allocate from it (`mm/slab_common.c:kmem_cache_destroy`).
    """
    machine = slub.machine
    machine.checks.might_sleep("kmem_cache_destroy", None, "kernel/locking/mutex.c", 586)
    cache.refcount -= 1
    if cache.refcount:
        return
    machine.clock.advance(DESTROY_COST)
    if slub.quarantine is not None:
        slub.quarantine.flush(cache)
    leaked = _shut_down(slub, cache)
    if leaked:
        site = machine.site
        caller = symbol(machine, site) if site is not None else "0x0"
        warn(
            machine,
            "mm/slab_common.c",
            521,
            "kmem_cache_destroy",
            f"kmem_cache_destroy {cache.name}: "
            f"Slab cache still has objects when called from {caller}",
            kind="cache-destroyed-busy",
        )
    slub.caches.remove(cache)
    cache.destroyed = True
    if not leaked:
        slub.by_address.pop(cache.address, None)
        if cache.cpu_area:
            machine.percpu.free(cache.cpu_area)
        slub.free(slub.caches[0], cache.address)
    if machine.events.active:
        machine.events.emit(CacheDestroyed(cache.name, leaked))


def _shut_down(slub: SlabAllocator, cache: KmemCache) -> int:
    """Free all empty slabs and list the others; return how many objects are alive."""
    for cpu in range(len(cache.cpus)):
        slub_free.flush_cpu(slub, cache, cpu)
    leaked = 0
    for node in cache.nodes:
        for slab in list(node.partial.values()):
            if not slab.inuse:
                node.remove_partial(slab)
                discard(slub, slab)
                continue
            free = set(walk_freelist(slub.machine.memory, cache, slab.freelist, slab.objects))
            alive = [
                slab.slot(index) for index in range(slab.objects) if slab.slot(index) not in free
            ]
            leaked += len(alive)
            slab_debug.report_remaining(slub, slab, alive)
    if not leaked and cache.nr_slabs:
        leaked = sum(node.total_objects for node in cache.nodes)
    return leaked
