"""Orders, pages and buddies: the arithmetic of the page allocator."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _
from kmemquest.kernel.address import PAGE_SIZE, pages_for
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.machine import Machine
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import free_pages, machine_with

_ORDERS: Final = range(11)


def pages_of_order(machine: Machine, order: int) -> int:
    """Allocate a block and count by how many frames the machine's free memory shrinks."""
    before = free_pages(machine)
    pfn = machine.pages.alloc_pages(GFP_KERNEL, order)
    taken = before - free_pages(machine)
    machine.pages.free_pages(pfn, order)
    return taken


def order_that_holds(size: int) -> int:
    """Return the smallest order whose block holds `size` bytes, by trying them."""
    machine = machine_with()
    return next(order for order in _ORDERS if pages_of_order(machine, order) * PAGE_SIZE >= size)


def four_in_a_row(machine: Machine, order: int, skip: int) -> tuple[int, tuple[int, ...]]:
    """Allocate blocks until four of them are the quarters of an aligned block of `order` + 2.

    The first `skip` blocks are not looked at. Returns the first pfn of the four, and every pfn
    that is now allocated.
    """
    size = 1 << order
    held = [machine.pages.alloc_pages(GFP_KERNEL, order) for _ in range(skip)]
    fresh: set[int] = set()
    while True:
        pfn = machine.pages.alloc_pages(GFP_KERNEL, order)
        held.append(pfn)
        fresh.add(pfn)
        first = pfn - pfn % (4 * size)
        if all(first + part * size in fresh for part in range(4)):
            return first, tuple(held)


def merging_neighbour(machine: Machine, order: int, first: int, freed: int) -> int:
    """Free the quarter `freed`, then the other three one by one: with which does it merge?

    `first` begins four allocated blocks of this order.
    """
    size = 1 << order
    others = [first + part * size for part in range(4) if first + part * size != freed]
    for pfn in (freed, *others):
        machine.pages.free_pages(pfn, order)
        machine.pages.drain_all_pages()
        block = machine.pages.free_block_at(freed)
        assert block is not None
        if block[1] > order:
            return pfn
    raise AssertionError(f"the block at {freed:#x} merged with none of its neighbours")


@generator("order-of-size", "pages", 1)
def order_of_size(chance: random.Random) -> Draft:
    """Which order holds so many bytes?"""
    while True:
        size = chance.randrange(PAGE_SIZE + 1, 3 << 20)
        pages = pages_for(size)
        if pages & (pages - 1):
            break
    order = order_that_holds(size)
    return Draft(
        prompt=_("Which order do you pass to __get_free_pages() for {size} bytes?").format(
            size=size
        ),
        answer=str(order),
        explanation=_(
            "{pages} pages are needed; the smallest power of two that holds them is 2^{order} = "
            "{taken}. get_order() computes it."
        ).format(pages=pages, order=order, taken=1 << order),
        wrong=(
            Wrong(
                str(pages),
                "order-is-count",
                _("That is the number of pages; the argument is its power of two."),
            ),
            Wrong(
                str(order - 1),
                "rounds-down",
                _("That block is too small; the order is rounded up."),
            ),
            Wrong(
                str(order + 1),
                "next-order",
                _("The smallest order that holds the request is enough."),
            ),
            Wrong(
                str(order + 12),
                "order-of-bytes",
                _("The order counts pages, not bytes: subtract PAGE_SHIFT, which is 12."),
            ),
        ),
        sources=("include/asm-generic/getorder.h:get_order",),
    )


@generator("bytes-of-order", "pages", 1)
def bytes_of_order(chance: random.Random) -> Draft:
    """How much memory does an order give?"""
    order = chance.randint(2, 10)
    size = PAGE_SIZE * pages_of_order(machine_with(), order)

    def shown(number: int) -> str:
        return _("{number} KiB").format(number=number // 1024)

    return Draft(
        prompt=_("How much memory does __get_free_pages(GFP_KERNEL, {order}) give?").format(
            order=order
        ),
        answer=shown(size),
        explanation=_("2^{order} = {pages} pages of 4 KiB.").format(order=order, pages=1 << order),
        wrong=(
            Wrong(
                shown(PAGE_SIZE * order),
                "order-is-count",
                _("The argument is an order: 2^order pages, not that many pages."),
            ),
            Wrong(
                shown(1024 << order),
                "kib-of-order",
                _("The unit is the page of 4 KiB, not the KiB."),
            ),
            Wrong(
                shown(size * 2),
                "order-from-one",
                _("Order 0 is one page, not two."),
            ),
            Wrong(
                shown(size // 2),
                "order-one-is-a-page",
                _("Order 0 is one page; order 1 already two."),
            ),
        ),
        sources=("include/linux/gfp.h:__get_free_pages", "mm/page_alloc.c:get_free_pages_noprof"),
    )


@generator("buddy-of", "pages", 2)
def buddy_of(chance: random.Random) -> Draft:
    """Which block merges with this one?"""
    order = chance.randint(0, 6)
    size = 1 << order
    machine = machine_with()
    first, _held = four_in_a_row(machine, order, chance.randrange(24))
    pfn = first + chance.randrange(4) * size
    truth = merging_neighbour(machine, order, first, pfn)
    other_side = pfn + size if truth < pfn else pfn - size

    def shown(number: int) -> str:
        return f"{number:#x}"

    return Draft(
        prompt=_(
            "A block of order {order} at pfn {pfn} is freed. With which block can it merge?"
        ).format(order=order, pfn=shown(pfn)),
        answer=shown(truth),
        explanation=_(
            "The buddy differs in exactly one bit: pfn XOR 2^order. Together they form an aligned "
            "block of the next order."
        ),
        wrong=(
            Wrong(
                shown(other_side),
                "any-neighbour",
                _("That neighbour belongs to another pair; merged, the two would not be aligned."),
            ),
            Wrong(
                shown(pfn ^ (size * 2)),
                "wrong-bit",
                _("That is the bit of the next order."),
            ),
            Wrong(
                shown(pfn + 2 * size),
                "one-further",
                _("A buddy is always directly adjacent."),
            ),
            Wrong(
                shown(pfn - 2 * size),
                "one-before",
                _("A buddy is always directly adjacent."),
            ),
        ),
        sources=("mm/internal.h:__find_buddy_pfn",),
    )


@generator("exact-pages", "pages", 3)
def exact_pages(chance: random.Random) -> Draft:
    """How many pages does alloc_pages_exact keep?"""
    while True:
        size = chance.randrange(PAGE_SIZE * 2 + 1, PAGE_SIZE * 200)
        pages = pages_for(size)
        if pages & (pages - 1):
            break
    machine = machine_with()
    order = order_that_holds(size)
    before = free_pages(machine)
    machine.pages.alloc_pages_exact(size, GFP_KERNEL)
    kept = before - free_pages(machine)

    def shown(number: int) -> str:
        return _("{number} pages").format(number=number)

    return Draft(
        prompt=_("How many pages does alloc_pages_exact({size}, GFP_KERNEL) keep?").format(
            size=size
        ),
        answer=shown(kept),
        explanation=_(
            "It takes a block of order {order} ({block} pages), splits it and gives the {rest} "
            "pages of the tail back."
        ).format(order=order, block=1 << order, rest=(1 << order) - kept),
        wrong=(
            Wrong(
                shown(1 << order),
                "keeps-the-block",
                _("alloc_pages() would keep them all; the exact variant returns the tail."),
            ),
            Wrong(
                shown(order),
                "order-is-count",
                _("That is the order of the block it starts from."),
            ),
            Wrong(
                shown(size // PAGE_SIZE),
                "rounds-down",
                _("The last, partly used page is needed too."),
            ),
            Wrong(
                shown(2 << order),
                "next-order",
                _("The smallest order that holds the request is enough."),
            ),
            Wrong(
                shown(kept + 1),
                "guard-page",
                _("Guard pages belong to vmalloc(), not to the direct map."),
            ),
        ),
        sources=("mm/page_alloc.c:make_alloc_exact",),
    )
