"""Pools that are filled beforehand: mempool, dma_pool, per-CPU areas, bounce slots."""

from __future__ import annotations

import random
from typing import Final

from kmemquest.i18n import _, ngettext
from kmemquest.kernel.address import PAGE_SIZE
from kmemquest.kernel.dma.constants import DMA_TO_DEVICE, dma_bit_mask
from kmemquest.kernel.gfp import GFP_KERNEL, GFP_NOWAIT
from kmemquest.kernel.mm.percpu import PercpuAllocator
from kmemquest.kernel.spec import GIB, MIB
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with

_DESCRIPTORS: Final = (16, 24, 32, 48, 56, 72, 96, 104, 136, 200, 264, 320, 520, 720, 1040)
_BOUNDARIES: Final = (0, 0, 256, 512, 1024, 2048)


def mempool_yield(reserve: int, before: int, returned: int) -> int:
    """Count the elements a pool of pages gives without waiting when nothing else is free.

    `before` elements are taken while memory is plentiful and `returned` of them are given back
    after it has run out.
    """
    machine = machine_with(64 * MIB)
    pool = machine.mempools.create(reserve, "page", order=0)
    assert pool is not None
    taken = [machine.mempools.alloc(pool, GFP_KERNEL) for _number in range(before)]
    while machine.pages.alloc_pages(GFP_NOWAIT, 0) >= 0:
        pass
    first = 0
    while machine.mempools.alloc(pool, GFP_NOWAIT):
        first += 1
    for element in taken[:returned]:
        machine.mempools.free(pool, element)
    again = 0
    while machine.mempools.alloc(pool, GFP_NOWAIT):
        again += 1
    return first + again


@generator("mempool-reserve", "other-allocators", 3)
def mempool_reserve(chance: random.Random) -> Draft:
    """How many elements does a mempool give when memory is gone?"""
    reserve = chance.randint(3, 16)
    before = chance.randint(2, 12)
    returned = chance.randint(1, before)
    truth = mempool_yield(reserve, before, returned)

    def shown(number: int) -> str:
        return ngettext("{number} element", "{number} elements", number).format(number=number)

    return Draft(
        prompt=_(
            "mempool_create_page_pool({reserve}, 0). While memory is plentiful, {before} elements "
            "are taken. Then the page allocator has nothing left for GFP_NOWAIT. The driver takes "
            "elements with GFP_NOWAIT until NULL comes, gives {returned} of the early ones back, "
            "and takes again until NULL comes. How many does it get in these two rounds?"
        ).format(reserve=reserve, before=before, returned=returned),
        answer=shown(truth),
        explanation=_(
            "While memory is plentiful elements come from the allocator and the reserve of "
            "{reserve} stays whole. Later the reserve serves, and what is given back refills it "
            "first, as long as it is not full."
        ).format(reserve=reserve),
        wrong=(
            Wrong(
                shown(max(reserve - before, 0) + returned),
                "reserve-is-used-first",
                _("The allocator is asked first; the reserve is touched only when it refuses."),
            ),
            Wrong(
                shown(0),
                "nowait-never-uses-the-reserve",
                _("GFP_NOWAIT may take from the reserve; it only may not wait for it."),
            ),
            Wrong(
                shown(reserve),
                "returned-elements-are-lost",
                _("What is given back refills the reserve when it is not full."),
            ),
            Wrong(
                shown(reserve + before),
                "pool-keeps-what-it-gave",
                _("Only what is given back comes back."),
            ),
            Wrong(
                shown(reserve + returned + 1),
                "one-more-in-the-pool",
                _("The reserve holds exactly min_nr elements."),
            ),
            Wrong(
                shown(2 * reserve + returned),
                "reserve-refills-itself",
                _("Nothing refills the reserve but freed elements."),
            ),
        ),
        sources=("mm/mempool.c:mempool_alloc_noprof", "mm/mempool.c:mempool_free"),
    )


@generator("percpu-footprint", "other-allocators", 2)
def percpu_footprint(chance: random.Random) -> Draft:
    """How many bytes does alloc_percpu take over all CPUs?"""
    cpus = chance.choice((2, 4, 8, 16))
    size = chance.randrange(5, 400)
    machine = machine_with(cpus=cpus)
    percpu: PercpuAllocator = machine.percpu
    truth = percpu.size_of(percpu.alloc(size)) * cpus

    def shown(number: int) -> str:
        return ngettext("{number} byte", "{number} bytes", number).format(number=number)

    return Draft(
        prompt=_(
            "__alloc_percpu({size}, 8) on a machine with {cpus} possible CPUs, {online} of them "
            "online. How many bytes are taken in all?"
        ).format(size=size, cpus=cpus, online=max(1, cpus // 2)),
        answer=shown(truth),
        explanation=_(
            "Every possible CPU gets its copy, online or not; a size is rounded up to 4 bytes "
            "(PCPU_MIN_ALLOC_SIZE)."
        ),
        wrong=(
            Wrong(
                shown(truth // cpus),
                "one-copy",
                _("That is one CPU's copy."),
            ),
            Wrong(
                shown(truth // cpus * max(1, cpus // 2)),
                "online-cpus-only",
                _("CPUs may come online later, so all possible ones are provided for."),
            ),
            Wrong(
                shown(PAGE_SIZE * cpus),
                "page-granular",
                _("Areas are packed into chunks; a page holds many of them."),
            ),
            Wrong(
                shown(max(8, 1 << (size - 1).bit_length()) * cpus),
                "powers-of-two-only",
                _("alloc_percpu() has no buckets; kmalloc() has."),
            ),
            Wrong(
                shown((truth // cpus + 8) * cpus),
                "header-per-object",
                _("No header lies in front of a copy."),
            ),
            Wrong(
                shown(-(-size // 64) * 64 * cpus),
                "cache-line-granular",
                _("The copies of different CPUs lie far apart; no padding to cache lines."),
            ),
        ),
        sources=("mm/percpu.c:pcpu_alloc_noprof",),
    )


def blocks_per_page(size: int, align: int, boundary: int) -> int:
    """Create a dma_pool on a machine and count the blocks that its first page gives."""
    machine = machine_with()
    device = machine.dma.device("0000:00:05.0")
    pool = machine.dma.pools.create("quiz", device, size, align, boundary)
    machine.dma.pools.alloc(pool, GFP_KERNEL)
    return machine.dma.pools.pools[pool].blocks


@generator("dma-pool-blocks", "dma", 3)
def dma_pool_blocks(chance: random.Random) -> Draft:
    """How many blocks does a dma_pool get out of a page?"""
    while True:
        size = chance.choice(_DESCRIPTORS)
        align = chance.choice((8, 16, 32, 64))
        boundary = chance.choice(_BOUNDARIES)
        rounded = -(-size // align) * align
        if not boundary or boundary >= rounded:
            break
    truth = blocks_per_page(size, align, boundary)

    def shown(number: int) -> str:
        return ngettext("{number} block", "{number} blocks", number).format(number=number)

    return Draft(
        prompt=_(
            'dma_pool_create("desc", dev, {size}, {align}, {boundary}): how many blocks does '
            "the pool cut out of one page?"
        ).format(size=size, align=align, boundary=boundary),
        answer=shown(truth),
        explanation=_(
            "The size is rounded up to the alignment ({rounded}), and no block may cross a "
            "multiple of the boundary; 0 means the page itself."
        ).format(rounded=rounded),
        wrong=(
            Wrong(
                shown(PAGE_SIZE // rounded),
                "ignores-the-boundary",
                _("What would cross the boundary begins behind it; the rest before it is lost."),
            ),
            Wrong(
                shown(PAGE_SIZE // size),
                "ignores-the-alignment",
                _("Every block begins at the alignment, so sizes are rounded up to it."),
            ),
            Wrong(
                shown(PAGE_SIZE >> (size - 1).bit_length()),
                "powers-of-two-only",
                _("A dma_pool packs blocks at their own size; kmalloc() has the buckets."),
            ),
            Wrong(
                shown(truth * 2),
                "two-pages-at-once",
                _("That would be the blocks of two pages."),
            ),
            Wrong(
                shown(1),
                "one-block-per-page",
                _("Many small blocks in one coherent page: that is what the pool is for."),
            ),
            Wrong(
                shown(truth - 1),
                "header-in-the-page",
                _("Free blocks carry the link; nothing of the page is kept for the pool."),
            ),
            Wrong(
                shown(truth + 1),
                "rounds-up",
                _("Only whole blocks count."),
            ),
        ),
        sources=("mm/dmapool.c:dma_pool_create", "mm/dmapool.c:pool_initialise_page"),
    )


def bounce_slots(size: int) -> int:
    """Map `size` bytes above 4 GiB for a 32-bit device; the slots that the bounce buffer takes."""
    machine = machine_with(6 * GIB)
    device = machine.dma.device("0000:00:06.0")
    machine.dma.set_mask_and_coherent(device, dma_bit_mask(32))
    buffer = machine.kmalloc.kmalloc(size, GFP_KERNEL)
    swiotlb = machine.dma.swiotlb
    assert swiotlb is not None
    before = swiotlb.used
    machine.dma.map_single(device, buffer, size, DMA_TO_DEVICE)
    return swiotlb.used - before


@generator("bounce-slots", "dma", 4)
def bounce_slots_of(chance: random.Random) -> Draft:
    """How many swiotlb slots does a bounced mapping take?"""
    size = chance.choice((chance.randrange(600, 8000), chance.randrange(8000, 200_000)))
    truth = bounce_slots(size)

    def shown(number: int) -> str:
        return ngettext("{number} slot", "{number} slots", number).format(number=number)

    return Draft(
        prompt=_(
            "A device with a 32-bit mask, no IOMMU, and a kmalloc() buffer above 4 GiB. How many "
            "slots of the software IO TLB does dma_map_single() of {size} bytes take?"
        ).format(size=size),
        answer=shown(truth),
        explanation=_(
            "A slot has 2 KiB (IO_TLB_SIZE), a mapping takes contiguous slots of one segment: "
            "{size} bytes need {truth}. The buffer begins at a slot of its own."
        ).format(size=size, truth=truth),
        wrong=(
            Wrong(
                shown(-(-size // PAGE_SIZE)),
                "slots-are-pages",
                _("Slots are half a page: 1 << IO_TLB_SHIFT is 2048 bytes."),
            ),
            Wrong(
                shown(1 << (truth - 1).bit_length() if truth & (truth - 1) else truth * 2),
                "powers-of-two-only",
                _("As many slots as needed are taken; no rounding to a power of two."),
            ),
            Wrong(
                shown(128),
                "a-whole-segment",
                _("128 slots are the most that one mapping may take, not the least."),
            ),
            Wrong(
                shown(size // 2048),
                "rounds-down",
                _("The last, partly used slot is needed too."),
            ),
            Wrong(
                shown(truth + 1),
                "guard-slot",
                _("No slot is left empty between mappings."),
            ),
            Wrong(
                shown(0),
                "nothing-bounces",
                _("The device cannot reach memory above 4 GiB; the data must be copied."),
            ),
        ),
        sources=(
            "kernel/dma/swiotlb.c:swiotlb_tbl_map_single",
            "include/linux/swiotlb.h:IO_TLB_SHIFT",
        ),
    )
