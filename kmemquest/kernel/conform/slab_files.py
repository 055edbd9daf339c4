"""The files that a kernel shows of its caches: /proc/slabinfo and /sys/kernel/slab.

All caches of a booted machine are compared by name: layouts exactly, counts of objects in use not
at all, since those depend on what user space did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from kmemquest.kernel.conform import ConformResult, tally_of
from kmemquest.kernel.conform.slub import slab_machine
from kmemquest.kernel.mm.slab_cache import KmemCache
from kmemquest.kernel.mm.slab_geometry import (
    SLAB_ACCOUNT,
    SLAB_CACHE_DMA,
    SLAB_CACHE_DMA32,
    SLAB_CONSISTENCY_CHECKS,
    SLAB_HWCACHE_ALIGN,
    SLAB_POISON,
    SLAB_RECLAIM_ACCOUNT,
    SLAB_RED_ZONE,
    SLAB_STORE_USER,
    SLAB_TYPESAFE_BY_RCU,
)
from kmemquest.kernel.mm.slab_merge import is_unmergeable
from kmemquest.kernel.spec import MachineSpec

SLABINFO_HEAD: Final = "slabinfo - version"
_ID_LETTERS: Final = (
    (SLAB_CACHE_DMA, "d"),
    (SLAB_CACHE_DMA32, "D"),
    (SLAB_RECLAIM_ACCOUNT, "a"),
    (SLAB_CONSISTENCY_CHECKS, "F"),
    (SLAB_ACCOUNT, "A"),
)
_LINK: Final = "->"


def unique_id(cache: KmemCache) -> str:
    """Return the directory of a cache that others may share (`mm/slub.c:create_unique_id`)."""
    letters = "".join(letter for flag, letter in _ID_LETTERS if cache.flags & flag)
    return f":{letters}{'-' if letters else ''}{cache.size:07}"


def may_be_shared(cache: KmemCache, *, merging: bool) -> bool:
    """Tell whether a cache has a shared directory and its names are links to it."""
    return merging and not is_unmergeable(cache)


def _flag(flag: int) -> Callable[[KmemCache], int]:
    return lambda cache: int(bool(cache.flags & flag))


_ATTRIBUTES: Final[dict[str, Callable[[KmemCache], int]]] = {
    "object_size": lambda cache: cache.object_size,
    "slab_size": lambda cache: cache.size,
    "align": lambda cache: cache.geometry.align,
    "objs_per_slab": lambda cache: cache.geometry.objects,
    "order": lambda cache: cache.geometry.order,
    "min_partial": lambda cache: cache.min_partial,
    "cpu_partial": lambda cache: cache.geometry.cpu_partial,
    "aliases": lambda cache: cache.refcount - 1 if cache.refcount > 0 else 0,
    "destroy_by_rcu": _flag(SLAB_TYPESAFE_BY_RCU),
    "hwcache_align": _flag(SLAB_HWCACHE_ALIGN),
    "reclaim_account": _flag(SLAB_RECLAIM_ACCOUNT),
    "cache_dma": _flag(SLAB_CACHE_DMA),
    "sanity_checks": _flag(SLAB_CONSISTENCY_CHECKS),
    "red_zone": _flag(SLAB_RED_ZONE),
    "poison": _flag(SLAB_POISON),
    "store_user": _flag(SLAB_STORE_USER),
    "usersize": lambda cache: cache.usersize,
}


def _by_name(caches: Sequence[KmemCache]) -> dict[str, KmemCache]:
    """Every name under which a cache may be looked up: its own, its aliases', its shared one."""
    found: dict[str, KmemCache] = {}
    for cache in caches:
        if not is_unmergeable(cache):
            found[unique_id(cache)] = cache
    for cache in caches:
        for name in (cache.name, *cache.aliases):
            found[name] = cache
    return found


def conform_slabinfo(lines: Iterable[str], spec: MachineSpec) -> ConformResult:
    """Compare names, their order, and layouts in /proc/slabinfo (newest cache first)."""
    caches = [*reversed(slab_machine(spec).slub.caches)]
    tally = tally_of(lines)
    rows = [
        (number, line.split())
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith(("#", SLABINFO_HEAD))
    ]
    tally.compare("number of caches", len(rows), len(caches))
    for (number, words), cache in zip(rows, caches, strict=False):
        tally.line = number
        mine = (cache.name, cache.size, cache.geometry.objects, 1 << cache.geometry.order)
        tally.compare(
            f"cache {words[0]}: size, objects and pages per slab",
            (words[0], int(words[3]), int(words[4]), int(words[5])),
            mine,
        )
    return tally.result()


def conform_sysfs(lines: Iterable[str], spec: MachineSpec) -> ConformResult:
    """Compare /sys/kernel/slab/*/*, one `CACHE ATTRIBUTE VALUE` a line."""
    caches = _by_name(slab_machine(spec).slub.caches)
    tally = tally_of(lines)
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) < 2:
            continue
        tally.line = number
        name, attribute, value = words[0], words[1], words[2] if len(words) > 2 else ""
        cache = caches.get(name)
        operation = f"/sys/kernel/slab/{name}/{attribute}"
        if cache is None:
            tally.compare(operation, value, "no such cache")
        elif attribute == "ctor":
            tally.compare(operation, bool(value), bool(cache.ctor))
        elif attribute in _ATTRIBUTES:
            tally.compare(operation, int(value), _ATTRIBUTES[attribute](cache))
        else:
            tally.compare(operation, value, "no such attribute")
    return tally.result()


def conform_links(lines: Iterable[str], spec: MachineSpec) -> ConformResult:
    """Compare which names in /sys/kernel/slab are links, and where to: `NAME [-> ID]` a line."""
    slub = slab_machine(spec).slub
    caches = _by_name(slub.caches)
    tally = tally_of(lines)
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        tally.line = number
        name, target = words[0], words[-1] if _LINK in words else ""
        cache = caches.get(name)
        if cache is None:
            mine = "no such cache"
        else:
            own_place = name.startswith(":") or not may_be_shared(cache, merging=slub.merging)
            mine = "" if own_place else unique_id(cache)
        tally.compare(f"link {name}", target, mine)
    return tally.result()
