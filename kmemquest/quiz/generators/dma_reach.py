"""How far a device reaches, and what the DMA API does about the rest."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _
from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE
from kmemquest.kernel.dma.constants import DMA_MAPPING_ERROR, DMA_TO_DEVICE, dma_bit_mask
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.spec import GIB, KIB
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with

_COHERENT_BITS: Final = (24, 32, 34, 36, 40, 44, 48, 64)
_STREAMING_BITS: Final = (24, 32, 32, 32, 36, 40, 48, 64)
_SIZES_KIB: Final = (4, 8, 16, 32, 64, 128, 256, 260, 288, 384, 512, 1024, 2048)


def coherent_zone(ram: int, bits: int) -> str:
    """Return the name of the zone that a fresh machine takes a coherent page from."""
    machine = machine_with(ram)
    device = machine.dma.device("0000:00:04.0")
    refused = machine.dma.set_mask_and_coherent(device, dma_bit_mask(bits))
    _address, handle = machine.dma.alloc_coherent(device, PAGE_SIZE, GFP_KERNEL)
    assert handle
    assert not refused
    return machine.pages.zone_of(handle >> PAGE_SHIFT).name


def streaming_outcome(ram: int, bits: int, size: int) -> str:
    """Map `size` bytes above 4 GiB for a device: `direct`, `bounced` or `error`."""
    machine = machine_with(ram)
    device = machine.dma.device("0000:00:04.0")
    refused = machine.dma.set_mask_and_coherent(device, dma_bit_mask(bits))
    buffer = machine.kmalloc.kmalloc(size, GFP_KERNEL)
    physical = machine.slub.to_physical(buffer)
    assert physical >= 4 * GIB
    assert not refused
    handle = machine.dma.map_single(device, buffer, size, DMA_TO_DEVICE)
    if handle == DMA_MAPPING_ERROR:
        return "error"
    return "direct" if handle == physical else "bounced"


@generator("dma-coherent-zone", "dma", 3)
def dma_coherent_zone(chance: random.Random) -> Draft:
    """Which zone does coherent memory come from?"""
    ram = chance.choice((1, 2, 3, 6, 8)) * GIB
    bits = chance.choice(_COHERENT_BITS)
    zone = coherent_zone(ram, bits)
    feedback = {
        "DMA": (
            "dma-means-zone-dma",
            _("ZONE_DMA is for masks that reach no further; its name stems from ISA DMA."),
        ),
        "DMA32": (
            "always-below-4-gib",
            _("The mask decides, not the API: 24 bits do not reach ZONE_DMA32, 64 do not need it."),
        ),
        "Normal": (
            "normal-always",
            _(
                "ZONE_NORMAL begins at 4 GiB: out of reach for a mask of 32 bits or less, and "
                "missing on a machine whose RAM ends below."
            ),
        ),
    }
    return Draft(
        prompt=_(
            "A freshly booted x86-64 machine has {ram} GiB of RAM and no IOMMU. A PCI device sets "
            "its masks to DMA_BIT_MASK({bits}). Which zone serves dma_alloc_coherent() of 4 KiB?"
        ).format(ram=ram // GIB, bits=bits),
        answer=f"ZONE_{zone.upper()}",
        explanation=_(
            "A coherent mask of up to 24 bits asks for ZONE_DMA, one of up to 32 bits for "
            "ZONE_DMA32 first. A wider one takes the highest zone that the machine has."
        ),
        wrong=(
            *(Wrong(f"ZONE_{name.upper()}", *feedback[name]) for name in feedback if name != zone),
            Wrong(
                _("none, it returns NULL"),
                "mask-refused",
                _("The mask is supported and memory within it is free, so the call succeeds."),
            ),
        ),
        sources=("kernel/dma/direct.c:dma_direct_optimal_gfp_mask",),
    )


@generator("dma-map-outcome", "dma", 4)
def dma_map_outcome(chance: random.Random) -> Draft:
    """Mapped directly, bounced, or refused?"""
    ram = chance.choice((6, 8)) * GIB
    bits = chance.choice(_STREAMING_BITS)
    size = chance.choice(_SIZES_KIB)
    outcome = streaming_outcome(ram, bits, size * KIB)
    texts = {
        "direct": _("the address of the buffer itself"),
        "bounced": _("the address of a bounce buffer below 4 GiB"),
        "error": "DMA_MAPPING_ERROR",
        "moved": _("the address to which the buffer has been moved"),
    }
    feedback = {
        "direct": (
            "any-page-reachable",
            _("The buffer lies above 4 GiB, beyond what the mask covers."),
        ),
        "bounced": (
            "always-bounces",
            _(
                "Only what lies beyond the mask is bounced, at most 256 KiB in one mapping, and "
                "only if the mask covers the bounce buffers."
            ),
        ),
        "error": (
            "never-bounces",
            _(
                "What the mask covers is mapped as it is; up to 256 KiB of the rest are bounced "
                "when the mask covers the bounce buffers."
            ),
        ),
        "moved": (
            "moves-the-buffer",
            _("Mapping never moves a buffer; at most its contents are copied."),
        ),
    }
    return Draft(
        prompt=_(
            "On a freshly booted machine with {ram} GiB of RAM and no IOMMU, a PCI device has the "
            "mask DMA_BIT_MASK({bits}). What does dma_map_single() return for {size} KiB of "
            "kmalloc() memory that lie above 4 GiB?"
        ).format(ram=ram // GIB, bits=bits, size=size),
        answer=texts[outcome],
        explanation=_(
            "What the mask covers is mapped directly. The rest needs the software IO TLB: it lies "
            "below 4 GiB but beyond 24 bits, and one mapping gets at most 128 slots of 2 KiB, "
            "which are 256 KiB. dma_max_mapping_size() tells the limit."
        ),
        wrong=tuple(Wrong(texts[name], *feedback[name]) for name in texts if name != outcome),
        sources=("kernel/dma/direct.h:dma_direct_map_page", "kernel/dma/swiotlb.c:swiotlb_map"),
    )
