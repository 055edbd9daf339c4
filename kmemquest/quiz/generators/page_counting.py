"""What per-CPU lists and scattered pages do to the numbers in /proc."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _, ngettext
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.mm.zone import Zone
from kmemquest.kernel.spec import MIB
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with

_RAMS: Final = (512, 1024, 2048)


def drop_of_free(ram: int, count: int) -> tuple[int, Zone]:
    """Empty the per-CPU lists, take `count` single pages; by how much does the zone's count drop?

    Returns that number of pages, and the zone.
    """
    machine = machine_with(ram)
    machine.pages.drain_all_pages()
    zone = max(machine.pages.zones, key=lambda each: each.managed)
    before = zone.true_free()
    for _number in range(count):
        machine.pages.alloc_pages(GFP_KERNEL, 0)
    return before - zone.true_free(), zone


@generator("per-cpu-refill", "pages", 4)
def per_cpu_refill(chance: random.Random) -> Draft:
    """By how much does nr_free_pages drop when a CPU takes a few single pages?"""
    ram = chance.choice(_RAMS) * MIB
    count = chance.randrange(2, 31)
    truth, zone = drop_of_free(ram, count)
    batch = zone.pageset.batch

    def shown(number: int) -> str:
        return _("by {number}").format(number=number)

    return Draft(
        prompt=_(
            "The per-CPU lists of zone {zone} have just been drained; their batch is {batch}. One "
            "CPU takes {count} single pages with alloc_page(GFP_KERNEL). By how much does "
            "nr_free_pages of the zone drop?"
        ).format(zone=zone.name, batch=batch, count=count),
        answer=shown(truth),
        explanation=_(
            "An empty per-CPU list is refilled in bulk, and pages on it no longer count as free: "
            "they have left the buddy allocator. Here {truth} went, {count} of them to the caller."
        ).format(truth=truth, count=count),
        wrong=(
            Wrong(
                shown(count),
                "counts-per-cpu-pages-as-free",
                _("Pages on per-CPU lists have left the free lists, used or not."),
            ),
            Wrong(
                shown(truth + count),
                "refill-comes-on-top",
                _("The caller's pages come out of the refill."),
            ),
            Wrong(
                shown(1 << (count - 1).bit_length()),
                "one-block-for-all",
                _("Each call takes one page from the list; the block is split for the refill."),
            ),
            Wrong(
                shown(0),
                "per-cpu-lists-are-elsewhere",
                _("The lists are filled from the zone's own free blocks."),
            ),
            Wrong(
                shown(batch * count),
                "a-batch-each",
                _("The next refill comes only when the list is empty."),
            ),
        ),
        sources=("mm/page_alloc.c:rmqueue_bulk", "mm/page_alloc.c:nr_pcp_alloc"),
    )


def largest_after_keeping(order: int, kept: set[int]) -> int:
    """Split a block of `order` into pages and free all but `kept`: the largest free order in it.

    `kept` are page numbers within the block.
    """
    machine = machine_with()
    pfn = machine.pages.alloc_pages(GFP_KERNEL, order)
    machine.pages.split_page(pfn, order)
    for page in range(1 << order):
        if page not in kept:
            machine.pages.free_pages(pfn + page, 0)
    machine.pages.drain_all_pages()
    found = [machine.pages.free_block_at(pfn + page) for page in range(1 << order)]
    return max((block[1] for block in found if block is not None), default=-1)


@generator("one-page-kept", "pages", 3)
def one_page_kept(chance: random.Random) -> Draft:
    """One page of a block stays in use: how large a block becomes free?"""
    order = chance.randint(4, 9)
    several = chance.random() < 0.5
    kept = {chance.randrange(1 << order)}
    if several:
        kept.add((next(iter(kept)) + (1 << (order - 1))) % (1 << order))
    truth = largest_after_keeping(order, kept)

    def shown(number: int) -> str:
        return _("order {order}").format(order=number)

    names = ngettext("page {pages}", "pages {pages}", len(kept)).format(
        pages=", ".join(str(page) for page in sorted(kept))
    )
    return Draft(
        prompt=_(
            "A block of order {order} was split into single pages. All are freed again except "
            "{names} (counted from 0). What is the largest free block within it now?"
        ).format(order=order, names=names),
        answer=shown(truth),
        explanation=_(
            "Blocks merge only with their buddy. A page in use keeps every block that contains it "
            "from becoming free; the largest one without it counts."
        ),
        wrong=(
            Wrong(
                shown(order),
                "nearly-free-is-free",
                _("A page in use spoils the whole block: that is fragmentation."),
            ),
            Wrong(
                shown(0),
                "freed-pages-stay-single",
                _("Free buddies merge at once, again and again."),
            ),
            Wrong(
                shown(truth - 1 if truth > 1 else 2),
                "one-merge-short",
                _("The two buddies of that order are both free, so they merge once more."),
            ),
            Wrong(
                shown(truth + 1 if truth + 1 < order else order - 3),
                "any-neighbours-merge",
                _("Only buddies merge: aligned pairs, not any free neighbours."),
            ),
        ),
        sources=("mm/page_alloc.c:__free_one_page",),
    )
