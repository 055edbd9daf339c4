"""What krealloc does to an object."""

from __future__ import annotations

import random

from kmemquest.i18n import _
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with


def resized(old: int, new: int) -> tuple[bool, str, str, str]:
    """Ask the simulated kernel: krealloc() from `old` to `new` bytes.

    Returns whether the address stays, and the caches of the result, of the old object and of a
    fresh object of the new size.
    """
    machine = machine_with()

    def cache(address: int) -> str:
        found = machine.slub.cache_of(address)
        assert found is not None
        return found.name

    pointer = machine.kmalloc.kmalloc(old, GFP_KERNEL)
    before = cache(pointer)
    fresh = cache(machine.kmalloc.kmalloc(new, GFP_KERNEL))
    moved = machine.kmalloc.krealloc(pointer, new, GFP_KERNEL)
    return moved == pointer, cache(moved), before, fresh


@generator("krealloc-place", "slab", 3)
def krealloc_place(chance: random.Random) -> Draft:
    """Does krealloc move the object?"""
    old = chance.randrange(17, 2000)
    new = chance.choice(
        (
            chance.randrange(17, 4096),
            old + chance.randrange(1, 40),
            max(9, old // chance.randint(3, 9)),
        )
    )
    stays, after, before, fresh = resized(old, new)

    def shown(same: bool, cache: str) -> str:
        if same:
            return _("the same address, an object of {cache}").format(cache=cache)
        return _("a new address, an object of {cache}").format(cache=cache)

    return Draft(
        prompt=_(
            "p = kmalloc({old}, GFP_KERNEL) is followed by q = krealloc(p, {new}, GFP_KERNEL), "
            "and memory is plentiful. What is q?"
        ).format(old=old, new=new),
        answer=shown(stays, after),
        explanation=_(
            "An object of {before} stays where it is as long as the new size fits into it, also "
            "when a smaller bucket would do. Otherwise a larger one is allocated, the contents "
            "are copied and the old one is freed."
        ).format(before=before),
        wrong=(
            Wrong(
                shown(False, fresh),
                "always-moves",
                _("It moves only when the new size does not fit into the old object."),
            ),
            Wrong(
                shown(True, fresh),
                "changes-bucket-in-place",
                _("An object belongs to the cache of its slab for life; it cannot change over."),
            ),
            Wrong(
                shown(True, before),
                "grows-in-place",
                _("The old object is too small, and what lies behind it belongs to others."),
            ),
            Wrong(
                _("NULL, since the size of an object is fixed"),
                "size-is-fixed",
                _("krealloc() returns NULL only when a larger object cannot be had."),
            ),
            Wrong(
                _("ZERO_SIZE_PTR, since p has been freed"),
                "frees-first",
                _("ZERO_SIZE_PTR is for a new size of 0; the old object is freed after the copy."),
            ),
        ),
        sources=("mm/slab_common.c:krealloc_noprof", "mm/slab_common.c:__do_krealloc"),
    )
