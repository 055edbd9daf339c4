"""What is left when the buddy allocator splits a block."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _, ngettext
from kmemquest.kernel.mm.buddy import rmqueue_smallest
from kmemquest.kernel.mm.zone import MOVABLE, Zone
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with

_LARGEST_ORDER: Final = 10


def lone_block(order: int) -> Zone:
    """Return a zone whose only movable free blocks below the largest are one each from `order` up.

    The small blocks are taken away, then a largest one is split down to `order` and dropped: its
    rest is the wanted state.
    """
    zone = machine_with().pages.zones[-1]
    for small in range(_LARGEST_ORDER):
        while zone.free_lists[MOVABLE][small]:
            rmqueue_smallest(zone, small, MOVABLE)
    rmqueue_smallest(zone, order, MOVABLE)
    return zone


def leftovers(order: int, wanted: int) -> dict[int, int]:
    """Take one block of order `wanted` from one of `order`; return order -> new free blocks."""
    zone = lone_block(order)
    orders = range(_LARGEST_ORDER + 1)
    before = [zone.nr_free(each) for each in orders]
    rmqueue_smallest(zone, wanted, MOVABLE)
    return {each: zone.nr_free(each) - before[each] for each in orders if each < order}


@generator("split-leftovers", "pages", 2)
def split_leftovers(chance: random.Random) -> Draft:
    """How many free blocks does a split leave?"""
    order = chance.randint(3, 9)
    wanted = chance.randint(0, order - 3)
    left = leftovers(order, wanted)
    count = sum(left.values())
    pages = sum(blocks << each for each, blocks in left.items())

    def shown(number: int) -> str:
        return ngettext("{number} free block", "{number} free blocks", number).format(number=number)

    return Draft(
        prompt=_(
            "The smallest free block that fits has order {order}. The buddy allocator takes a "
            "block of order {wanted} out of it. How many free blocks are left of it?"
        ).format(order=order, wanted=wanted),
        answer=shown(count),
        explanation=_(
            "It is halved again and again, and each time the upper half goes to the list of its "
            "order: one block of each order from {first} to {last}, {pages} pages in all."
        ).format(first=wanted, last=order - 1, pages=pages),
        wrong=(
            Wrong(
                shown((1 << (order - wanted)) - 1),
                "splits-into-equal-parts",
                _("It is halved step by step; the halves that are not needed stay whole."),
            ),
            Wrong(
                shown(1),
                "rest-stays-together",
                _("A block is always a power of two of pages and aligned; the rest is not."),
            ),
            Wrong(
                shown(count + 1),
                "counts-the-taken-block",
                _("One of the two smallest halves is the block that was taken."),
            ),
            Wrong(
                shown(0),
                "gives-the-whole-block",
                _("What is larger than the request is split; the rest stays free."),
            ),
        ),
        sources=("mm/page_alloc.c:expand", "mm/page_alloc.c:__rmqueue_smallest"),
    )
