"""Caches of one's own: alignment, merging, and where the answer changes."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _, ngettext
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.mm.slab_cache import KmemCache
from kmemquest.kernel.mm.slab_geometry import (
    CACHE_LINE,
    SLAB_HWCACHE_ALIGN,
    SLAB_NO_MERGE,
    SLAB_TYPESAFE_BY_RCU,
    WORD,
    calculate_sizes,
)
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with
from kmemquest.quiz.generators.slab_sizes import power_of_two_above

_CPUS: Final = (1, 2, 4, 8, 16, 32, 64)
_FLAGS: Final = {
    "0": 0,
    "SLAB_HWCACHE_ALIGN": SLAB_HWCACHE_ALIGN,
    "SLAB_NO_MERGE": SLAB_NO_MERGE,
    "SLAB_TYPESAFE_BY_RCU": SLAB_TYPESAFE_BY_RCU,
}
_BUCKETS_END: Final = 8192


def created(name: str, size: int, flags: int = 0) -> KmemCache:
    """Create a cache on a machine of its own, unmerged, and return it."""
    cache = machine_with().slub.create(name, size, 0, flags | SLAB_NO_MERGE)
    assert cache is not None
    return cache


def home_of_second(first: int, second: int, flags: int) -> str:
    """Create two caches one after the other: where do the objects of the second lie?

    `own`, `first` (with the first cache's objects) or `other`, if one of the kernel's own caches
    fits either of them.
    """
    slub = machine_with().slub
    one, two = slub.create("quiz_first", first), slub.create("quiz_second", second, 0, flags)
    assert one is not None
    assert two is not None
    if one.name != "quiz_first":
        return "other"
    return {"quiz_first": "first", "quiz_second": "own"}.get(two.name, "other")


def _bytes(number: int) -> str:
    return ngettext("{number} byte", "{number} bytes", number).format(number=number)


@generator("hwcache-object", "slab", 3)
def hwcache_object(chance: random.Random) -> Draft:
    """How far apart are objects of a cache-line-aligned cache?"""
    while True:
        size = chance.choice((chance.randrange(9, 64), chance.randrange(65, 700)))
        truth = created("quiz", size, SLAB_HWCACHE_ALIGN).geometry.size
        if truth != size:
            break
    plain = created("quiz", size).geometry.size
    rounded = -(-size // CACHE_LINE) * CACHE_LINE
    return Draft(
        prompt=_(
            'kmem_cache_create("x", {size}, 0, SLAB_HWCACHE_ALIGN, NULL), cache lines of 64 '
            "bytes, no debugging. How far apart do the objects of a slab begin?"
        ).format(size=size),
        answer=_bytes(truth),
        explanation=_(
            "SLAB_HWCACHE_ALIGN starts from the cache line, but halves the alignment as long as "
            "two objects would fit into it; then the size is rounded up to it: {size} becomes "
            "{truth}."
        ).format(size=size, truth=truth),
        wrong=(
            Wrong(
                _bytes(rounded),
                "always-a-whole-line",
                _("Small objects share a cache line: 16- or 32-byte alignment is enough for them."),
            ),
            Wrong(
                _bytes(plain),
                "word-granular",
                _("That is the distance without the flag: rounded up to words of 8 bytes."),
            ),
            Wrong(
                _bytes(power_of_two_above(size)),
                "powers-of-two-only",
                _("A cache of its own is not bound to the powers of two of kmalloc()."),
            ),
            Wrong(
                _bytes(rounded + CACHE_LINE),
                "a-line-between",
                _("No empty line is left between two objects."),
            ),
            Wrong(
                _bytes(size),
                "exact-size",
                _("Objects are aligned at least to a word, here to more."),
            ),
            Wrong(
                _bytes(truth + 8),
                "free-pointer-behind",
                _("A free object keeps its link inside itself; in use it gives up no room for it."),
            ),
            Wrong(
                _bytes(truth * 2),
                "twice",
                _("Once aligned, nothing more is added."),
            ),
        ),
        sources=("mm/slab_common.c:calculate_alignment", "mm/slub.c:calculate_sizes"),
    )


@generator("cache-merge", "slab", 3)
def cache_merge(chance: random.Random) -> Draft:
    """Does a second cache get slabs of its own?"""
    # What the kernel's own caches are depends on its configuration, so none of them may fit.
    while True:
        first = chance.randrange(200, 2000, 8)
        second = first - chance.choice((0, 0, 4, 8, 16, 40))
        name = chance.choice(tuple(_FLAGS))
        home = home_of_second(first, second, _FLAGS[name])
        if home != "other":
            break
    texts = {
        "own": _("in slabs of their own"),
        "first": _("in the slabs of the first cache"),
        "other": _("in the slabs of one of the kernel's own caches"),
        "pages": _("each in a page frame of its own"),
    }
    feedback = {
        "own": (
            "every-cache-is-apart",
            _("Caches of nearly the same size and the same behaviour share slabs, names differ."),
        ),
        "first": (
            "merging-ignores-flags",
            _(
                "Flags that change how objects live, other alignment, or a difference of a word "
                "and more in size keep two caches apart."
            ),
        ),
        "other": (
            "always-kmalloc",
            _("That happens only if one of the kernel's caches fits just as well."),
        ),
        "pages": (
            "page-granular",
            _("Slabs exist in order to put many objects into a page."),
        ),
    }
    return Draft(
        prompt=_(
            "A freshly booted 6.12 kernel without slab debugging. A driver creates one cache for "
            "{first}-byte objects with flags 0, then another for {second}-byte objects with flags "
            "{flags}, both without alignment or constructor; none of the kernel's own caches fits. "
            "Where do the objects of the second lie?"
        ).format(first=first, second=second, flags=name),
        answer=texts[home],
        explanation=_(
            "find_mergeable() looks for a cache with the same merge-relevant flags whose objects "
            "are at least as large and less than a word larger, at a compatible alignment. "
            "SLAB_NO_MERGE, SLAB_TYPESAFE_BY_RCU, a constructor or debugging rule it out."
        ),
        wrong=tuple(Wrong(texts[key], *feedback[key]) for key in texts if key != home),
        sources=("mm/slab_common.c:find_mergeable",),
    )


def next_bucket_size(size: int) -> int:
    """Sweep upwards from `size`: the first size in bytes for which kmalloc() gives more."""
    machine = machine_with()
    usable = machine.kmalloc.ksize(machine.kmalloc.kmalloc(size, GFP_KERNEL))
    low, high = size, size
    while machine.kmalloc.ksize(machine.kmalloc.kmalloc(high, GFP_KERNEL)) == usable:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        more = machine.kmalloc.ksize(machine.kmalloc.kmalloc(middle, GFP_KERNEL)) > usable
        low, high = (low, middle) if more else (middle, high)
    return high


@generator("bucket-change", "slab", 3)
def bucket_change(chance: random.Random) -> Draft:
    """When does the answer change? From which size on does kmalloc take a larger piece?"""
    size = chance.choice(
        (chance.randrange(33, 257), chance.randrange(257, 4096), chance.randrange(4097, 60_000))
    )
    truth = next_bucket_size(size)
    grain = 4096 if size > _BUCKETS_END else 64
    return Draft(
        prompt=_(
            "kmalloc({size}, GFP_KERNEL) on a kernel without debugging. Let the size grow byte by "
            "byte: from which size on does kmalloc() take a larger piece of memory?"
        ).format(size=size),
        answer=_bytes(truth),
        explanation=_(
            "Up to 8 KiB there are buckets of 8, 16, 32, 64, 96, 128, 192 and then powers of two; "
            "above it whole blocks of 2^order pages. {last} bytes still fit, {truth} do not."
        ).format(last=truth - 1, truth=truth),
        wrong=(
            Wrong(
                _bytes(size + 1),
                "exact-size",
                _("There is room left in the piece: sizes are rounded up."),
            ),
            Wrong(
                _bytes(-(-size // grain) * grain + 1),
                "fixed-grain",
                _("The steps are not equal: buckets grow with the size."),
            ),
            Wrong(
                _bytes(truth - 1),
                "off-by-one",
                _("The bucket's own size still fits into it."),
            ),
            Wrong(
                _bytes(power_of_two_above(size) + 1),
                "powers-of-two-only",
                _("Buckets of 96 and 192 bytes exist besides the powers of two."),
            ),
            Wrong(
                _bytes((truth - 1) * 2 + 1),
                "next-but-one",
                _("That is where the next larger piece ends."),
            ),
            Wrong(
                _bytes(truth - 17),
                "header-per-object",
                _("SLUB keeps no header in front of an object, so no room is taken for one."),
            ),
        ),
        sources=("include/linux/slab.h:__kmalloc_index", "mm/slub.c:___kmalloc_large_node"),
    )


def slab_order(size: int, cpus: int) -> int:
    """Return the order of a cache of `size`-byte objects (a multiple of 8) with so many CPUs."""
    geometry = calculate_sizes(size, WORD, 0, ctor=False, cpus=cpus)
    assert geometry is not None
    return geometry.order


@generator("slab-order-change", "slab", 5)
def slab_order_change(chance: random.Random) -> Draft:
    """When does the answer change? With how many CPUs does a cache use larger slabs?"""
    while True:
        size = chance.randrange(64, 1400, 8)
        orders = [slab_order(size, cpus) for cpus in _CPUS]
        change = next((index for index, order in enumerate(orders) if order > orders[0]), 0)
        if change:
            break

    def shown(number: int) -> str:
        return ngettext("with {number} CPU", "with {number} CPUs", number).format(number=number)

    others = [cpus for cpus in _CPUS[1:] if cpus != _CPUS[change]]
    near = sorted(others, key=lambda cpus: abs(_CPUS.index(cpus) - change))
    return Draft(
        prompt=_(
            "A cache of {size}-byte objects uses slabs of order {order} on a machine with one "
            "CPU. Number of CPUs doubled again and again (1, 2, 4, … 64): where does the kernel "
            "first choose a higher order? (No slab_* boot options.)"
        ).format(size=size, order=orders[0]),
        answer=shown(_CPUS[change]),
        explanation=_(
            "A slab should hold at least 4 × (number of CPUs in bits + 1) objects, so that CPUs "
            "do not queue for new slabs; the order grows until it does, at most to 3. Here: "
            "{orders}."
        ).format(orders=", ".join(f"{cpus}: {o}" for cpus, o in zip(_CPUS, orders, strict=True))),
        wrong=(
            Wrong(
                _("never: the order depends on the object size alone"),
                "order-from-size-alone",
                _("More CPUs take more objects at once; calculate_order() asks for their number."),
            ),
            Wrong(
                shown(near[0]),
                "one-step-off",
                _("Count again: 4 × (fls(CPUs) + 1) objects are wanted."),
            ),
            Wrong(
                shown(near[1]),
                "two-steps-off",
                _("Count again: 4 × (fls(CPUs) + 1) objects are wanted."),
            ),
        ),
        sources=("mm/slub.c:calculate_order",),
    )
