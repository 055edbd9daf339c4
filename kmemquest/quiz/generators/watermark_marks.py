"""How far down each kind of request may go."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _
from kmemquest.kernel.gfp import parse_gfp
from kmemquest.kernel.mm.alloc_flags import slow_path_flags
from kmemquest.kernel.mm.watermark import watermark_ok
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with

_REQUESTS: Final = ("GFP_ATOMIC", "GFP_NOWAIT", "GFP_KERNEL", "GFP_KERNEL | __GFP_HIGH")


def most_refused(minimum: int, request: str) -> int:
    """Return the largest number of free pages at which the kernel's own check says no.

    `minimum` is the zone's min mark in pages; the check is that of the slow path, order 0.
    """
    zone = machine_with().pages.zones[-1]
    flags = slow_path_flags(parse_gfp(request), 0)
    zone.nr_free_highatomic = 0
    refused, granted = -1, 2 * minimum
    while granted - refused > 1:
        zone.free = (refused + granted) // 2
        if watermark_ok(zone, 0, minimum, zone.index, flags):
            granted = zone.free
        else:
            refused = zone.free
    return refused


@generator("reserve-depth", "zones", 4)
def reserve_depth(chance: random.Random) -> Draft:
    """Which mark must stay free for a request in the slow path?"""
    minimum = chance.randrange(400, 20_000, 8)
    name = chance.choice(_REQUESTS)

    def shown(number: int) -> str:
        return _("{number} pages").format(number=number)

    truth = most_refused(minimum, name)
    return Draft(
        prompt=_(
            "A zone's min watermark is {minimum} pages. In the slow path, how many free pages are "
            "just too few for an order-0 {request} request to be served at once? (No lowmem "
            "reserve, no highatomic pages, no boost.)"
        ).format(minimum=minimum, request=name),
        answer=shown(truth),
        explanation=_(
            "__GFP_HIGH halves the mark; only if the caller also cannot block, a quarter of the "
            "rest goes too. So GFP_ATOMIC reaches down to 3/8 of min, GFP_NOWAIT and GFP_KERNEL "
            "stop at min. The free pages are counted before the request: one page is served while "
            "more than the mark is free, and may leave just the mark."
        ),
        wrong=(
            Wrong(
                shown(minimum),
                "reserves-are-untouchable",
                _("__GFP_HIGH may use part of the reserve below min."),
            ),
            Wrong(
                shown(most_refused(minimum, "GFP_KERNEL | __GFP_HIGH")),
                "half-for-all",
                _("Half is for __GFP_HIGH in a caller that may sleep."),
            ),
            Wrong(
                shown(most_refused(minimum, "GFP_ATOMIC")),
                "atomic-depth-for-all",
                _("Only GFP_ATOMIC (__GFP_HIGH and no blocking) reaches 3/8 of min."),
            ),
            Wrong(
                shown(0),
                "down-to-zero",
                _("Only PF_MEMALLOC and __GFP_MEMALLOC ignore the marks altogether."),
            ),
            Wrong(
                shown(minimum // 4),
                "a-quarter",
                _("A quarter is taken off the half, not left of the whole."),
            ),
        ),
        sources=("mm/page_alloc.c:__zone_watermark_ok", "mm/page_alloc.c:gfp_to_alloc_flags"),
    )
