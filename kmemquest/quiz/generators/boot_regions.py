"""memblock: where it takes memory from, and how its regions merge."""

from __future__ import annotations

import itertools
import random
from typing import Final

from kmemquest.i18n import _, ngettext
from kmemquest.kernel.mm.memblock import Memblock
from kmemquest.kernel.spec import KIB, MIB
from kmemquest.quiz.generator import Draft, Wrong, generator

_ALIGNMENTS: Final = (64, 4 * KIB, 16 * KIB, 64 * KIB)


def lone_memblock(size: int) -> Memblock:
    """Return a memblock of a machine that has `size` bytes of RAM from address 0."""
    memblock = Memblock(virtual_base=0)
    memblock.add(0, size)
    return memblock


def _hexadecimal(address: int) -> str:
    return f"{address:#x}"


@generator("memblock-top-down", "boot", 3)
def memblock_top_down(chance: random.Random) -> Draft:
    """Which address does memblock_phys_alloc return?"""
    ram = chance.choice((16, 32, 64, 128)) * MIB
    kept = chance.randrange(1, 9) * 256 * KIB + chance.randrange(1, 16) * 4 * KIB
    low = chance.randrange(1, 5) * MIB
    low_size = chance.randrange(2, 9) * 64 * KIB
    size = chance.randrange(1, 96) * 4 * KIB + chance.randrange(1, 64) * 64
    align = chance.choice(_ALIGNMENTS)
    memblock = lone_memblock(ram)
    memblock.reserve(ram - kept, kept)
    memblock.reserve(low, low_size)
    truth = memblock.phys_alloc(size, align)
    upward = lone_memblock(ram)
    upward.reserve(ram - kept, kept)
    upward.reserve(low, low_size)
    upward.set_bottom_up(True)
    first_fit = upward.phys_alloc(size, align)
    behind_low = -(-(low + low_size) // align) * align
    return Draft(
        prompt=_(
            "memblock knows RAM from 0 to {ram} and two reserved regions: {low} to {low_end} and "
            "{top} to {ram}. What does memblock_phys_alloc({size}, {align}) return on x86-64?"
        ).format(
            ram=_hexadecimal(ram),
            low=_hexadecimal(low),
            low_end=_hexadecimal(low + low_size),
            top=_hexadecimal(ram - kept),
            size=_hexadecimal(size),
            align=_hexadecimal(align),
        ),
        answer=_hexadecimal(truth),
        explanation=_(
            "memblock searches from the top downwards: it takes the highest free range that is "
            "large enough, subtracts the size from its end and rounds the address down to the "
            "alignment."
        ),
        wrong=(
            Wrong(
                _hexadecimal(first_fit),
                "memblock-bottom-up",
                _("memblock searches from the top, unless it was told to go bottom up."),
            ),
            Wrong(
                _hexadecimal((ram - size) // align * align),
                "ignores-reservations",
                _("That range overlaps what is reserved at the end of RAM."),
            ),
            Wrong(
                _hexadecimal(behind_low),
                "behind-the-last-reservation",
                _("memblock does not go on where the last reservation ended."),
            ),
            Wrong(
                _hexadecimal((ram - kept) // align * align - -(-size // align) * align),
                "rounds-the-size-up",
                _("The address is aligned, the size is not rounded up to the alignment."),
            ),
            Wrong(
                _hexadecimal(ram - kept - size),
                "forgets-the-alignment",
                _("The address has to be a multiple of the alignment."),
            ),
        ),
        sources=(
            "mm/memblock.c:__memblock_find_range_top_down",
            "mm/memblock.c:memblock_phys_alloc_range",
        ),
    )


@generator("memblock-regions", "boot", 2)
def memblock_regions(chance: random.Random) -> Draft:
    """How many reserved regions are left after some reservations?"""
    page = 4 * KIB
    while True:
        at = chance.randrange(256, 512)
        ranges = []
        for _number in range(chance.randint(3, 5)):
            length = chance.randrange(1, 6)
            ranges.append((at, at + length))
            at += chance.choice((length, length, length - 1, length + 1, length + 3))
        memblock = lone_memblock(64 * MIB)
        for start, end in ranges:
            memblock.reserve(start * page, (end - start) * page)
        count = len(memblock.reserved)
        touching = sum(left[1] == right[0] for left, right in itertools.pairwise(ranges))
        if touching and count < len(ranges):
            break
    chance.shuffle(ranges)

    def shown(number: int) -> str:
        return ngettext("{number} region", "{number} regions", number).format(number=number)

    calls = ", ".join(f"[{start * page:#x}, {end * page:#x})" for start, end in ranges)
    return Draft(
        prompt=_(
            "Nothing is reserved yet. memblock_reserve() is called for these ranges, in this "
            "order: {calls}. How many regions does memblock.reserved hold then?"
        ).format(calls=calls),
        answer=shown(count),
        explanation=_(
            "Ranges that overlap are joined, and so are neighbours that touch, if node and flags "
            "are the same: {count} of {calls} remain. The order of the calls does not matter."
        ).format(count=count, calls=len(ranges)),
        wrong=(
            Wrong(
                shown(len(ranges)),
                "one-region-per-call",
                _("A new range is merged with what it overlaps or touches."),
            ),
            Wrong(
                shown(min(count + touching, len(ranges))),
                "only-overlaps-merge",
                _("Ranges that merely touch are merged too."),
            ),
            Wrong(
                shown(1),
                "everything-in-one",
                _("A hole between two ranges keeps them apart."),
            ),
            Wrong(
                shown(count + 1),
                "counts-the-rest",
                _("Free memory is stored nowhere: it is memory minus reserved."),
            ),
            Wrong(
                shown(len(ranges) + 1),
                "an-empty-region-first",
                _("The empty first entry of the array does not count as a region."),
            ),
            Wrong(
                shown(len(ranges) + 2),
                "two-more",
                _("Each call adds at most one region."),
            ),
        ),
        sources=("mm/memblock.c:memblock_add_range", "mm/memblock.c:memblock_merge_regions"),
    )
