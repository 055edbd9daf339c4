"""What vmalloc and kvmalloc take, and from where."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _
from kmemquest.kernel.address import PAGE_SIZE, is_vmalloc_address, page_align
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with

_KMALLOC_LIMIT: Final = 4 << 20


@generator("vmalloc-footprint", "vmalloc", 2)
def vmalloc_footprint(chance: random.Random) -> Draft:
    """How much address space does a vmalloc take?"""
    size = chance.randrange(100, 40 * PAGE_SIZE)
    size -= size % PAGE_SIZE == 0
    machine = machine_with()
    pointer = machine.vmalloc.vmalloc(size)
    area = machine.vmalloc.area_at(pointer)
    assert area is not None
    taken = area.end - area.start
    machine.vmalloc.vfree(pointer)

    def shown(number: int) -> str:
        return _("{number} bytes").format(number=number)

    order_bytes = PAGE_SIZE << ((size - 1) // PAGE_SIZE).bit_length()
    return Draft(
        prompt=_("How much of the vmalloc address range does vmalloc({size}) take?").format(
            size=size
        ),
        answer=shown(taken),
        explanation=_(
            "The size is rounded up to whole pages ({pages}), and one unmapped guard page follows "
            "each area."
        ).format(pages=page_align(size) // PAGE_SIZE),
        wrong=(
            Wrong(
                shown(page_align(size)),
                "forgets-the-guard",
                _("These are the mapped pages; the guard page behind them takes addresses too."),
            ),
            Wrong(
                shown(size),
                "exact-size",
                _("vmalloc() works in whole pages."),
            ),
            Wrong(
                shown(order_bytes + PAGE_SIZE),
                "powers-of-two-only",
                _("Powers of two are the buddy allocator's rule; vmalloc() takes single pages."),
            ),
            Wrong(
                shown(page_align(size) + 2 * PAGE_SIZE),
                "two-guards",
                _("One guard page, at the end."),
            ),
            Wrong(
                shown(2 * page_align(size)),
                "guard-per-page",
                _("One guard page follows the whole area, not each of its pages."),
            ),
        ),
        sources=("mm/vmalloc.c:__get_vm_area_node",),
    )


@generator("kvmalloc-home", "vmalloc", 3)
def kvmalloc_home(chance: random.Random) -> Draft:
    """Where does kvmalloc's memory come from on a fresh machine?"""
    large = chance.random() < 0.5
    size = (
        chance.randrange(_KMALLOC_LIMIT + 1, 4 * _KMALLOC_LIMIT)
        if large
        else chance.choice((chance.randrange(64, 4096), chance.randrange(8192, _KMALLOC_LIMIT)))
    )
    machine = machine_with()
    pointer = machine.vmalloc.kvmalloc(size, GFP_KERNEL)
    from_vmalloc = is_vmalloc_address(pointer)
    in_cache = not from_vmalloc and machine.slub.cache_of(pointer) is not None
    machine.vmalloc.kvfree(pointer)
    homes = {
        "vmalloc": _("from the vmalloc range, page by page"),
        "block": _("from the direct map, one block of the page allocator"),
        "cache": _("from the direct map, an object of a kmalloc cache"),
        "null": _("from nowhere: it returns NULL"),
    }
    home = "vmalloc" if from_vmalloc else "cache" if in_cache else "block"
    feedback = {
        "vmalloc": (
            "vmalloc-above-a-page",
            _("vmalloc is only the fallback, when contiguous memory is not to be had."),
        ),
        "block": (
            "always-contiguous",
            _("A block this size comes from the page allocator only between 8 KiB and 4 MiB."),
        ),
        "cache": (
            "always-a-cache",
            _("The caches end at 8 KiB."),
        ),
        "null": (
            "kmalloc-limit",
            _("4 MiB is the limit of kmalloc(); kvmalloc() goes on with vmalloc."),
        ),
    }
    return Draft(
        prompt=_(
            "On a freshly booted machine with 256 MiB, where does the memory of "
            "kvmalloc({size}, GFP_KERNEL) come from?"
        ).format(size=size),
        answer=homes[home],
        explanation=_(
            "kvmalloc() first tries kmalloc(), without retrying hard for more than a page, and "
            "falls back to vmalloc. kmalloc() ends at 4 MiB."
        ),
        wrong=tuple(Wrong(homes[key], *feedback[key]) for key in homes if key != home),
        sources=("mm/util.c:__kvmalloc_node_noprof",),
    )
