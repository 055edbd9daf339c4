"""The frames of a vmalloc area (`mm/vmalloc.c:vm_area_alloc_pages`, `vfree`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.gfp import NOFAIL

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

BULK_PAGES: Final = 100
"""At most this many frames are asked for at once."""


def allocate_frames(
    machine: Machine, count: int, gfp: int, order: int, nid: int | None
) -> list[int]:
    """Get `count` order-0 frames in array order; fewer when memory runs out.

    Order 0 goes through the bulk allocator until it first gives less than asked, then page by
    page; order 9 takes blocks and splits them, so that every frame is freed by itself.
    """
    pages = machine.pages
    frames: list[int] = []
    if order == 0:
        while len(frames) < count:
            asked = min(BULK_PAGES, count - len(frames))
            got = pages.alloc_pages_bulk(gfp, asked)
            frames += got
            if len(got) < asked:
                break
    while len(frames) < count:
        if machine.context.task.oom_victim and not gfp & NOFAIL:
            break
        pfn = pages.alloc_pages(gfp, order, nid)
        if pfn < 0:
            break
        if order:
            pages.split_page(pfn, order)
        frames += range(pfn, pfn + (1 << order))
    return frames


def release_frames(machine: Machine, frames: list[int]) -> None:
    """Give frames back one by one in array order."""
    for pfn in frames:
        machine.pages.free_pages(pfn, 0)
