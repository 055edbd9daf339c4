"""How far down each kind of request may go."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _
from kmemquest.kernel.mm.alloc_flags import ALLOC_MIN_RESERVE, ALLOC_NON_BLOCK
from kmemquest.kernel.mm.watermark import lowered_mark
from kmemquest.quiz.generator import Draft, Wrong, generator

_REQUESTS: Final = (
    ("GFP_ATOMIC", ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK),
    ("GFP_NOWAIT", ALLOC_NON_BLOCK),
    ("GFP_KERNEL", 0),
    ("GFP_KERNEL | __GFP_HIGH", ALLOC_MIN_RESERVE),
)


@generator("reserve-depth", "watermarks", 4)
def reserve_depth(chance: random.Random) -> Draft:
    """Which mark must stay free for a request in the slow path?"""
    minimum = chance.randrange(400, 20_000, 8)
    name, flags = chance.choice(_REQUESTS)

    def shown(number: int) -> str:
        return _("{number} pages").format(number=number)

    truth = lowered_mark(minimum, flags)
    return Draft(
        prompt=_(
            "A zone's min watermark is {minimum} pages. Below which number of free pages does an "
            "order-0 {request} request fail in that zone's slow path? (No lowmem reserve, no "
            "highatomic pages, no boost.)"
        ).format(minimum=minimum, request=name),
        answer=shown(truth),
        explanation=_(
            "__GFP_HIGH halves the mark; only if the caller also cannot block, a quarter of the "
            "rest goes too. So GFP_ATOMIC reaches 3/8 of min, GFP_NOWAIT and GFP_KERNEL stop at "
            "min."
        ),
        wrong=(
            Wrong(
                shown(minimum),
                "reserves-are-untouchable",
                _("__GFP_HIGH may use part of the reserve below min."),
            ),
            Wrong(
                shown(minimum // 2),
                "half-for-all",
                _("Half is for __GFP_HIGH in a caller that may sleep."),
            ),
            Wrong(
                shown(lowered_mark(minimum, ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK)),
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
