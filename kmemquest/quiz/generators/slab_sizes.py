"""Which cache, how much waste, how many objects: the arithmetic of kmalloc and its slabs."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _, ngettext
from kmemquest.kernel.address import PAGE_SIZE, pages_for
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.mm.slab_geometry import Geometry
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with

_KMALLOC_SOURCES: Final = ("include/linux/slab.h:__kmalloc_index", "mm/slab_common.c:kmalloc_info")
_LARGEST_CACHE: Final = 8192


def power_of_two_above(size: int) -> int:
    """Return the smallest power of two that holds `size`, at least 8."""
    return max(8, 1 << (size - 1).bit_length())


def cache_name(size: int) -> str:
    """Name a kmalloc cache of a size as somebody would guess it."""
    return f"kmalloc-{size // 1024}k" if size >= 1024 and size % 1024 == 0 else f"kmalloc-{size}"


def serving_cache(size: int) -> tuple[str, int]:
    """Ask the simulated kernel: name of the cache that serves kmalloc(size), and usable bytes."""
    machine = machine_with()
    pointer = machine.kmalloc.kmalloc(size, GFP_KERNEL)
    cache = machine.slub.cache_of(pointer)
    assert cache is not None
    return cache.name, machine.kmalloc.ksize(pointer)


def new_cache(size: int, cpus: int) -> Geometry:
    """Create a cache on a machine with so many CPUs and return the layout it got (or shares)."""
    cache = machine_with(cpus=cpus).slub.create("quiz", size)
    assert cache is not None
    return cache.geometry


def _small_size(chance: random.Random) -> int:
    """Draw a size; half of them where 96 and 192 differ from the power of two."""
    if chance.random() < 0.5:
        return chance.choice((chance.randint(65, 96), chance.randint(129, 192)))
    return chance.randint(9, 4096)


@generator("kmalloc-cache", "slab", 2)
def kmalloc_cache(chance: random.Random) -> Draft:
    """Which cache serves kmalloc(n)?"""
    size = _small_size(chance)
    name, usable = serving_cache(size)
    bigger, _usable = serving_cache(min(usable + 1, _LARGEST_CACHE))
    smaller, _usable = serving_cache(usable // 2)
    return Draft(
        prompt=_("Which cache serves kmalloc({size}, GFP_KERNEL)?").format(size=size),
        answer=name,
        explanation=_(
            "kmalloc() takes the smallest bucket that holds the request; besides the powers of "
            "two there are buckets of 96 and 192 bytes. kmalloc({size}) gives {usable} usable "
            "bytes."
        ).format(size=size, usable=usable),
        wrong=(
            Wrong(
                cache_name(power_of_two_above(size)),
                "powers-of-two-only",
                _("Buckets of 96 and 192 bytes exist besides the powers of two."),
            ),
            Wrong(
                bigger,
                "header-per-object",
                _("SLUB keeps no header in front of an object, so no room is added for one."),
            ),
            Wrong(
                cache_name(size),
                "exact-size",
                _("There is no cache for every size; requests are rounded up to a bucket."),
            ),
            Wrong(
                smaller,
                "rounds-down",
                _("The bucket must hold the whole request, so the size is rounded up."),
            ),
            Wrong(
                "kmalloc-4k",
                "page-granular",
                _("Only the page allocator works in whole pages; slabs divide them into objects."),
            ),
            Wrong(
                "kmalloc-8k",
                "always-the-largest",
                _("The smallest bucket that fits is taken, not the largest."),
            ),
        ),
        sources=_KMALLOC_SOURCES,
    )


@generator("kmalloc-waste", "slab", 2)
def kmalloc_waste(chance: random.Random) -> Draft:
    """How many bytes of the bucket stay unused?"""
    size = _small_size(chance)
    name, usable = serving_cache(size)
    if usable == size:
        size -= 1
    waste = usable - size

    def shown(number: int) -> str:
        return ngettext("{number} byte", "{number} bytes", number).format(number=number)

    return Draft(
        prompt=_(
            "How many bytes of its bucket does kmalloc({size}, GFP_KERNEL) leave unused?"
        ).format(size=size),
        answer=shown(waste),
        explanation=_("The object comes from {name}: {usable} − {size} = {waste} bytes.").format(
            name=name, usable=usable, size=size, waste=waste
        ),
        wrong=(
            Wrong(
                shown(power_of_two_above(size) - size),
                "powers-of-two-only",
                _("Buckets of 96 and 192 bytes exist besides the powers of two."),
            ),
            Wrong(
                shown(0),
                "exact-size",
                _("There is no cache for every size; requests are rounded up to a bucket."),
            ),
            Wrong(
                shown(PAGE_SIZE - size % PAGE_SIZE),
                "page-granular",
                _("Only the page allocator works in whole pages; slabs divide them into objects."),
            ),
            Wrong(
                shown(waste + 16),
                "header-per-object",
                _("SLUB keeps no header in front of an object, so no room is added for one."),
            ),
            Wrong(
                shown(-size % 64),
                "cache-line-granular",
                _("Requests are rounded up to a bucket, not merely to a cache line of 64 bytes."),
            ),
            Wrong(
                shown(-size % 8),
                "word-granular",
                _("Objects are aligned to 8 bytes, but their size is that of the bucket."),
            ),
            Wrong(
                shown(waste + 8),
                "free-pointer-behind",
                _("A free object keeps its link inside itself; in use it gives up no room for it."),
            ),
        ),
        sources=_KMALLOC_SOURCES,
    )


@generator("kmalloc-large-pages", "slab", 3)
def kmalloc_large_pages(chance: random.Random) -> Draft:
    """How many page frames does a kmalloc beyond the caches take?"""
    while True:
        size = chance.randrange(_LARGEST_CACHE + 1, 512 * 1024)
        if pages_for(size) & (pages_for(size) - 1):
            break
    machine = machine_with()
    pointer = machine.kmalloc.kmalloc(size, GFP_KERNEL)
    taken = machine.kmalloc.ksize(pointer) // PAGE_SIZE

    def shown(number: int) -> str:
        return _("{number} pages").format(number=number)

    return Draft(
        prompt=_("How many page frames does kmalloc({size}, GFP_KERNEL) take?").format(size=size),
        answer=shown(taken),
        explanation=_(
            "Above {limit} bytes kmalloc() asks the page allocator for a whole block of 2^order "
            "pages and gives nothing back: {needed} pages are needed, {taken} are taken."
        ).format(limit=_LARGEST_CACHE, needed=pages_for(size), taken=taken),
        wrong=(
            Wrong(
                shown(pages_for(size)),
                "exact-pages",
                _("That many pages are needed, but blocks come in powers of two only."),
            ),
            Wrong(
                shown((taken - 1).bit_length()),
                "order-is-count",
                _("That is the order; it means 2^order pages."),
            ),
            Wrong(
                shown(pages_for(size) + 1),
                "guard-page",
                _("Guard pages belong to vmalloc(), not to the direct map."),
            ),
            Wrong(
                shown(taken * 2),
                "next-order",
                _("The smallest order that holds the request is enough."),
            ),
        ),
        sources=("mm/slub.c:___kmalloc_large_node",),
    )


@generator("slab-objects", "slab", 4)
def slab_objects(chance: random.Random) -> Draft:
    """How many objects fit into a slab of a new cache?"""
    cpus = chance.choice((1, 2, 4, 8, 16))
    while True:
        size = chance.randrange(200, 2400, 8)
        geometry = new_cache(size, cpus)
        alone = geometry.size == size
        if alone and geometry.order > 0 and geometry.objects != PAGE_SIZE // size:
            break

    def shown(number: int) -> str:
        return ngettext("{number} object", "{number} objects", number).format(number=number)

    return Draft(
        prompt=_(
            "On a machine with {cpus} CPUs kmem_cache_create() makes a cache of {size}-byte "
            "objects, no flags, no alignment. How many objects does one slab hold?"
        ).format(cpus=cpus, size=size),
        answer=shown(geometry.objects),
        explanation=_(
            "The kernel chooses the slab's order so that it holds enough objects for the number "
            "of CPUs and wastes little: here order {order}, {pages} pages or {bytes} bytes, "
            "{objects} objects of {size} bytes."
        ).format(
            order=geometry.order,
            pages=1 << geometry.order,
            bytes=PAGE_SIZE << geometry.order,
            objects=geometry.objects,
            size=geometry.size,
        ),
        wrong=(
            Wrong(
                shown(PAGE_SIZE // size),
                "slab-is-a-page",
                _("A slab may span up to 2^3 pages; the kernel chooses the order."),
            ),
            Wrong(
                shown((PAGE_SIZE << geometry.order) // (size + 16)),
                "header-per-object",
                _("SLUB keeps no header in front of an object, so no room is added for one."),
            ),
            Wrong(
                shown((PAGE_SIZE << geometry.order) // power_of_two_above(size)),
                "powers-of-two-only",
                _("A cache of its own packs objects at their own size; that is its point."),
            ),
            Wrong(
                shown((PAGE_SIZE << 3) // geometry.size),
                "always-order-three",
                _("Order 3 is the usual limit, not the rule."),
            ),
            Wrong(
                shown(geometry.objects + 1),
                "rounds-up",
                _("A slab holds whole objects only; what is left at its end stays unused."),
            ),
            Wrong(
                shown(geometry.objects - 1),
                "slab-header",
                _("What the kernel knows of a slab lies in its struct slab, outside of it."),
            ),
        ),
        sources=("mm/slub.c:calculate_order", "mm/slub.c:calculate_sizes"),
    )
