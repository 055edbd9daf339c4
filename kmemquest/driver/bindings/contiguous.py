"""`<linux/cma.h>`: blocks out of the contiguous memory area, for built-in drivers."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds, binds_object
from kmemquest.driver.devices import kernel_string, world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.kernel.address import PAGE_SHIFT, page_to_pfn, pfn_to_page
from kmemquest.kernel.mm.cma import ALIGNMENT_ORDER, NAME

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

HANDLE_BYTES: Final = 64


@binds_object("dma_contiguous_default_area")
def default_area(engine: Engine) -> int:
    """Return where the pointer to the default area is kept; NULL without the boot word cma=."""
    place = engine.reserve(8)
    engine.machine.memory.poke(place, _handle(engine).to_bytes(8, "little"))
    return place


def _handle(engine: Engine) -> int:
    if engine.machine.phase != "running" or engine.machine.dma.cma is None:
        return 0
    singletons = world_of(engine).singletons
    if "cma" not in singletons:
        singletons["cma"] = engine.reserve(HANDLE_BYTES)
    return singletons["cma"]


@binds("cma_alloc")
def cma_alloc(engine: Engine, cma: int, count: int, align: int, quiet: int) -> int:
    machine = engine.machine
    area = machine.dma.cma
    if not cma or area is None or cma != _handle(engine):
        return 0
    pfn = area.alloc(count, align, quiet=bool(quiet))
    if pfn < 0:
        return 0
    for index in range(count):
        machine.pages.frames.set_refcount(pfn + index, 1)
    return got(engine, "cma", pfn_to_page(pfn), count << PAGE_SHIFT, "cma_alloc")


@binds("cma_release")
def cma_release(engine: Engine, cma: int, pages: int, count: int) -> int:
    machine = engine.machine
    area = machine.dma.cma
    if not cma or area is None or not pages:
        return 0
    pfn = page_to_pfn(pages)
    if not area.release(pfn, count):
        return 0
    for index in range(count):
        machine.pages.frames.set_refcount(pfn + index, 0)
    gave_back(engine, pages, "cma_release", "cma")
    return 1


@binds("dma_alloc_from_contiguous")
def dma_alloc_from_contiguous(engine: Engine, dev: int, count: int, order: int, quiet: int) -> int:
    return cma_alloc(engine, _handle(engine), count, min(order, ALIGNMENT_ORDER), quiet)


@binds("dma_release_from_contiguous")
def dma_release_from_contiguous(engine: Engine, dev: int, pages: int, count: int) -> int:
    return cma_release(engine, _handle(engine), pages, count)


@binds("cma_get_base")
def cma_get_base(engine: Engine, cma: int) -> int:
    area = engine.machine.dma.cma
    return area.base << PAGE_SHIFT if area is not None else 0


@binds("cma_get_size")
def cma_get_size(engine: Engine, cma: int) -> int:
    area = engine.machine.dma.cma
    return area.count << PAGE_SHIFT if area is not None else 0


@binds("cma_get_name")
def cma_get_name(engine: Engine, cma: int) -> int:
    return kernel_string(engine, NAME) if cma else 0
