"""What masks mean: printing, sleeping, zones."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _
from kmemquest.kernel import gfp
from kmemquest.kernel.context import PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO, Context, Task
from kmemquest.kernel.spec import GIB, MIB
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with

_SLEEPERS: Final = ("GFP_NOIO", "GFP_NOFS", "GFP_USER", "GFP_KERNEL | __GFP_NORETRY")
_OTHERS: Final = (
    ("GFP_ATOMIC", "atomic-reclaims"),
    ("GFP_NOWAIT", "nowait-waits-a-little"),
    ("GFP_DMA", "dma-implies-kernel"),
    ("__GFP_HIGH", "high-priority-waits"),
    ("GFP_ATOMIC | __GFP_ZERO", "zeroing-sleeps"),
    ("GFP_NOWAIT | __GFP_NOFAIL", "nofail-makes-it-wait"),
)
_BASES: Final[tuple[str, ...]] = (
    "GFP_KERNEL",
    "GFP_ATOMIC",
    "GFP_NOWAIT",
    "GFP_NOFS",
    "GFP_NOIO",
    "GFP_USER",
)
_SMALL_MIB: Final = (64, 128, 256, 512, 768, 1024, 1536, 2048)
_LARGE_GIB: Final = (5, 6, 8, 12, 16)
_SCOPES: Final = {"nofs": PF_MEMALLOC_NOFS, "noio": PF_MEMALLOC_NOIO}
_SCOPED: Final = (
    *(name for name in _BASES if name != "GFP_NOWAIT"),
    "GFP_KERNEL_ACCOUNT",
    "GFP_KERNEL | __GFP_ZERO",
    "GFP_USER | __GFP_COMP",
)
_EXTRAS: Final = ("__GFP_ZERO", "__GFP_COMP", "__GFP_NORETRY", "__GFP_RETRY_MAYFAIL", "GFP_DMA")


@generator("gfp-may-sleep", "gfp", 2)
def gfp_may_sleep(chance: random.Random) -> Draft:
    """Which of these masks lets the allocator sleep?"""
    right = chance.choice([name for name in _SLEEPERS if gfp.allows_blocking(gfp.parse_gfp(name))])
    others = [pair for pair in _OTHERS if not gfp.allows_blocking(gfp.parse_gfp(pair[0]))]
    chosen = chance.sample(others, 3)
    return Draft(
        prompt=_("With which of these masks may the allocator sleep?"),
        answer=right,
        explanation=_("One bit decides: __GFP_DIRECT_RECLAIM. {name} = {mask} contains it.").format(
            name=right, mask=f"{gfp.parse_gfp(right):#x}"
        ),
        wrong=tuple(
            Wrong(
                name,
                misconception,
                _("{name} = {mask} lacks __GFP_DIRECT_RECLAIM, so it never sleeps.").format(
                    name=name, mask=f"{gfp.parse_gfp(name):#x}"
                ),
            )
            for name, misconception in chosen
        ),
        sources=("include/linux/gfp.h:gfpflags_allow_blocking",),
    )


@generator("gfp-decode", "gfp", 3)
def gfp_decode(chance: random.Random) -> Draft:
    """What does the kernel print for a mask?"""
    base, extra = chance.choice(_BASES), chance.choice(_EXTRAS)
    mask = gfp.parse_gfp(f"{base}|{extra}")
    wrong_bases = [name for name in _BASES if name != base]
    chance.shuffle(wrong_bases)
    return Draft(
        prompt=_(
            "A driver prints its allocation flags with %#x: {mask}. Which are these? (GFP_KERNEL "
            "is 0xcc0, __GFP_DIRECT_RECLAIM 0x400, __GFP_KSWAPD_RECLAIM 0x800, __GFP_IO 0x40, "
            "__GFP_FS 0x80, __GFP_HIGH 0x20, __GFP_NOWARN 0x2000, __GFP_HARDWALL 0x100000.)"
        ).format(mask=f"{mask:#x}"),
        answer=gfp.format_gfp(mask),
        explanation=_("The kernel itself prints {text} for it (%pGg).").format(
            text=gfp.format_gfp(mask)
        ),
        wrong=tuple(
            Wrong(
                gfp.format_gfp(gfp.parse_gfp(f"{name}|{extra}")),
                f"takes-it-for-{name.lower().replace('_', '-')}",
                _("That would be {mask}.").format(mask=f"{gfp.parse_gfp(f'{name}|{extra}'):#x}"),
            )
            for name in wrong_bases
        ),
        sources=("include/linux/gfp_types.h", "lib/vsprintf.c:format_flags"),
    )


@generator("gfp-kernel-zone", "zones", 3)
def gfp_kernel_zone(chance: random.Random) -> Draft:
    """From which zone does GFP_KERNEL memory come on a given machine?"""
    ram = chance.choice(
        (*(MIB * part for part in _SMALL_MIB), *(GIB * part for part in _LARGE_GIB))
    )
    machine = machine_with(ram)
    pfn = machine.pages.alloc_pages(gfp.GFP_KERNEL, 0)
    zone = machine.pages.zone_of(pfn).name
    machine.pages.free_pages(pfn, 0)
    feedback = {
        "Normal": (
            "normal-always",
            _("ZONE_NORMAL begins at 4 GiB on x86-64; a machine with less RAM has none."),
        ),
        "DMA32": (
            "dma32-is-for-dma-only",
            _("With RAM above 4 GiB, ZONE_NORMAL comes first in the zonelist."),
        ),
        "DMA": (
            "lowest-first",
            _(
                "The zonelist runs from the highest zone down; the lowest 16 MiB are the last "
                "resort."
            ),
        ),
        "HighMem": (
            "highmem-on-64-bit",
            _("There is no ZONE_HIGHMEM on a 64-bit kernel."),
        ),
    }
    return Draft(
        prompt=_(
            "A freshly booted x86-64 machine has {ram} MiB of RAM. Which zone serves "
            "alloc_pages(GFP_KERNEL, 0)?"
        ).format(ram=ram // MIB),
        answer=f"ZONE_{zone.upper()}",
        explanation=_(
            "On x86-64 ZONE_DMA covers the first 16 MiB, ZONE_DMA32 goes up to 4 GiB and "
            "ZONE_NORMAL begins there. GFP_KERNEL takes the highest zone that has memory."
        ),
        wrong=tuple(
            Wrong(f"ZONE_{name.upper()}", *feedback[name]) for name in feedback if name != zone
        ),
        sources=("arch/x86/mm/init.c:zone_sizes_init", "include/linux/gfp.h:gfp_zone"),
    )


def scoped(mask: int, scope: str) -> int:
    """Return what is left of a mask when the task is in a `nofs` or `noio` scope."""
    return Context(Task(1, "modprobe", flags=_SCOPES[scope])).scoped_gfp(mask)


@generator("gfp-scope", "gfp", 3)
def gfp_scope(chance: random.Random) -> Draft:
    """What does a memalloc scope leave of a mask?"""
    scope, other = chance.sample(sorted(_SCOPES), 2)
    name = chance.choice(_SCOPED)
    mask = gfp.parse_gfp(name)
    left = scoped(mask, scope)
    other_feedback = {
        "nofs": _("A memalloc_noio scope clears __GFP_IO as well as __GFP_FS."),
        "noio": _("__GFP_IO is cleared in a memalloc_noio scope only."),
    }
    return Draft(
        prompt=_(
            "Between memalloc_{scope}_save() and memalloc_{scope}_restore() a task calls "
            "alloc_pages({mask}, 0). With which flags does the page allocator work?"
        ).format(scope=scope, mask=name),
        answer=gfp.format_gfp(left),
        explanation=_(
            "The scope is kept in the task and narrows the mask of every allocation: nofs clears "
            "__GFP_FS, noio clears __GFP_IO and __GFP_FS. It adds no bit, and the caller may "
            "still sleep if its mask said so."
        ),
        wrong=(
            Wrong(
                gfp.format_gfp(mask),
                "scope-needs-a-flag",
                _("The scope narrows every allocation of the task, whatever the mask says."),
            ),
            Wrong(
                gfp.format_gfp(scoped(mask, other)),
                "one-scope-for-all",
                other_feedback[other],
            ),
            Wrong(
                gfp.format_gfp(left & ~gfp.DIRECT_RECLAIM),
                "scope-forbids-sleeping",
                _("The scope does not forbid sleeping: __GFP_DIRECT_RECLAIM stays."),
            ),
            Wrong(
                gfp.format_gfp(scoped(gfp.GFP_KERNEL, scope)),
                "scope-replaces-the-mask",
                _("The scope only clears bits; it does not replace the mask."),
            ),
            Wrong(
                gfp.format_gfp(gfp.GFP_NOWAIT),
                "scope-means-nowait",
                _("The scope knows __GFP_IO and __GFP_FS only; all other bits stay."),
            ),
            Wrong(
                gfp.format_gfp(scoped(gfp.GFP_KERNEL, other)),
                "takes-the-other-scope",
                _("The scope only clears bits; it does not replace the mask."),
            ),
        ),
        sources=("include/linux/sched/mm.h:current_gfp_context",),
    )
