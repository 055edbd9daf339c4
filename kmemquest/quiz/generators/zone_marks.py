"""How watermarks and zones follow from the size of a machine."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _
from kmemquest.kernel.mm.watermark import calculate_min_free_kbytes
from kmemquest.kernel.mm.zone import WMARK_HIGH, WMARK_LOW, WMARK_MIN
from kmemquest.kernel.spec import GIB, MIB
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with

_MIB: Final = (64, 96, 128, 192, 256, 384, 512, 640, 768, 1024, 1536, 2048)
_GIB: Final = (1, 2, 4, 5, 6, 8)


def _pages(number: int) -> str:
    return _("{number} pages").format(number=number)


@generator("zone-high-mark", "zones", 3)
def zone_high_mark(chance: random.Random) -> Draft:
    """Given min and the managed pages of a zone, what is another of its marks?"""
    ram = chance.choice(_MIB) * MIB
    zone = chance.choice([zone for zone in machine_with(ram).pages.zones if zone.managed > 1000])
    which, name = chance.choice(((WMARK_LOW, "low"), (WMARK_HIGH, "high")))
    minimum, truth = zone.marks[WMARK_MIN], zone.marks[which]
    factor = 1 if which == WMARK_LOW else 2
    other = zone.marks[WMARK_HIGH if which == WMARK_LOW else WMARK_LOW]
    return Draft(
        prompt=_(
            "Zone {zone} of a machine with {ram} MiB: managed {managed}, min {minimum} pages, "
            "watermark_scale_factor 10. What is its {mark} watermark?"
        ).format(zone=zone.name, ram=ram // MIB, managed=zone.managed, minimum=minimum, mark=name),
        answer=_pages(truth),
        explanation=_(
            "The marks stand a step apart: a quarter of min, or managed × 10 / 10000 if that is "
            "more. low is min plus one step, high is min plus two."
        ),
        wrong=(
            Wrong(
                _pages(other),
                "low-and-high-mixed-up",
                _("low is one step above min, high two steps."),
            ),
            Wrong(
                _pages(minimum * (1 + factor)),
                "multiples-of-min",
                _("The step is a quarter of min, not min itself."),
            ),
            Wrong(
                _pages(minimum + minimum * factor // 2),
                "half-of-min",
                _("A step is a quarter of min, not half, unless the scale factor gives more."),
            ),
            Wrong(
                _pages(truth + zone.managed // 1000 + 1),
                "adds-both-steps",
                _("The larger of the two steps is taken, not their sum."),
            ),
            Wrong(
                _pages(zone.managed // 10 * factor),
                "ten-percent",
                _("The scale factor counts in ten-thousandths of the zone: 10 is a thousandth."),
            ),
        ),
        sources=("mm/page_alloc.c:__setup_per_zone_wmarks",),
    )


def zone_names(ram: int) -> str:
    """Return the populated zones of a machine with `ram` bytes, as the boot log lists them."""
    zones = machine_with(ram).pages.zones
    return ", ".join(zone.name for zone in zones if zone.present)


@generator("zones-of-machine", "zones", 2)
def zones_of_machine(chance: random.Random) -> Draft:
    """Which zones does a machine of this size have?"""
    ram = chance.choice(_GIB) * GIB if chance.random() < 0.7 else chance.choice(_MIB) * MIB
    truth = zone_names(ram)
    feedback = {
        "DMA, DMA32": (
            "normal-begins-above-all-ram",
            _("RAM beyond 4 GiB, moved there by the hole for devices too, belongs to Normal."),
        ),
        "DMA, DMA32, Normal": (
            "every-zone-everywhere",
            _("Normal begins at 4 GiB; without RAM up there it is empty."),
        ),
        "DMA, Normal": (
            "thirty-two-bit-zones",
            _("x86-64 has a DMA32 zone from 16 MiB to 4 GiB; 32-bit kernels have none."),
        ),
        "DMA, Normal, HighMem": (
            "highmem-on-64-bit",
            _("A 64-bit kernel maps all RAM directly and has no HighMem."),
        ),
        "Normal": (
            "one-zone",
            _("The first 16 MiB are always DMA, the rest up to 4 GiB DMA32."),
        ),
    }
    return Draft(
        prompt=_(
            "Which zones have pages on an x86-64 PC with {ram} MiB of RAM and one node?"
        ).format(ram=ram // MIB),
        answer=truth,
        explanation=_(
            "ZONE_DMA ends at 16 MiB, ZONE_DMA32 at 4 GiB, ZONE_NORMAL holds the rest. A PC keeps "
            "a hole for devices below 4 GiB, so its RAM reaches beyond 4 GiB a little earlier than "
            "its size says."
        ),
        wrong=tuple(Wrong(text, *words) for text, words in feedback.items() if text != truth),
        sources=("arch/x86/mm/init.c:zone_sizes_init", "include/linux/mmzone.h:zone_type"),
    )


@generator("min-free-growth", "zones", 4)
def min_free_growth(chance: random.Random) -> Draft:
    """How does min_free_kbytes follow the size of RAM, without transparent huge pages?"""
    small = chance.choice((32, 48, 64, 96, 128))
    factor = chance.choice((4, 9, 16))
    base = machine_with(small * MIB).pages.zones
    grown = machine_with(small * factor * MIB).pages.zones
    before, truth = calculate_min_free_kbytes(base), calculate_min_free_kbytes(grown)

    def shown(number: int) -> str:
        return _("about {number} kB").format(number=round(number, -2))

    return Draft(
        prompt=_(
            "With {small} MiB of RAM the kernel computes vm.min_free_kbytes as about {before}. "
            "What does it compute with {large} MiB? (Before khugepaged raises it.)"
        ).format(small=small, before=round(before, -2), large=small * factor),
        answer=shown(truth),
        explanation=_(
            "It is the square root of 16 × the free kilobytes of low memory: with {factor} times "
            "the RAM it grows to about {root} times as much."
        ).format(factor=factor, root=round(factor**0.5)),
        wrong=(
            Wrong(
                shown(before * factor),
                "grows-linearly",
                _("A reserve in proportion would waste memory on large machines."),
            ),
            Wrong(
                shown(before),
                "fixed-reserve",
                _("It is computed at boot from the size of low memory."),
            ),
            Wrong(
                shown(before + before * (factor - 1) // 8),
                "logarithm",
                _("The formula has a square root."),
            ),
            Wrong(
                shown(small * factor * 1024 // 20),
                "five-percent",
                _("It is no fixed share of RAM; the share shrinks as RAM grows."),
            ),
        ),
        sources=("mm/page_alloc.c:calculate_min_free_kbytes",),
    )
