"""/proc/slabinfo (`mm/slab_common.c:cache_show`): newest cache first, aliases not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.slab_cache import KmemCache

HEAD: Final = (
    "slabinfo - version: 2.1\n"
    "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
    " : tunables <limit> <batchcount> <sharedfactor>"
    " : slabdata <active_slabs> <num_slabs> <sharedavail>\n"
)


def slabinfo(machine: Machine) -> str:
    """Render the file."""
    return HEAD + "".join(cache_line(cache) for cache in reversed(machine.slub.caches))


def cache_line(cache: KmemCache) -> str:
    """Render one cache; objects free on CPU lists count as active, as in the kernel."""
    total = slabs = free = 0
    for node in cache.nodes:
        total += node.total_objects
        slabs += node.nr_slabs
        free += sum(slab.objects - slab.inuse for slab in node.partial.values())
    geometry = cache.geometry
    return (
        f"{cache.name:<17} {total - free:>6} {total:>6} {cache.size:>6} "
        f"{geometry.objects:>4} {1 << geometry.order:>4}"
        f" : tunables {0:>4} {0:>4} {0:>4}"
        f" : slabdata {slabs:>6} {slabs:>6} {0:>6}\n"
    )
