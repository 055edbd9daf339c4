"""Watching a run for damage that no kernel tells of.

The shadow of the kernel room sees accesses, copies to user space and DMA; here the frees of pages
are held against the ledger: a block does not know its order, so `free_pages` believes what it is
told, and a block that was freed before may be somebody else's by now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import (
    PAGE_OFFSET,
    PAGE_SHIFT,
    PAGE_SIZE,
    page_to_pfn,
    pfn_to_page,
)
from kmemquest.kernel.check.shadow import attach
from kmemquest.kernel.events import CallMade, Event, Report

if TYPE_CHECKING:
    from kmemquest.kernel.context import Frame
    from kmemquest.kernel.machine import Machine

BY_ADDRESS: Final = ("free_pages",)
BY_PAGE: Final = ("__free_pages",)
EXACT: Final = "free_pages_exact"


def watch(machine: Machine) -> Callable[[], None]:
    """Report silent damage on the machine's stream until the returned function is called.

    Does nothing where somebody watches already.
    """
    if machine.checks.shadow is not None:
        return lambda: None

    def listen(event: Event) -> None:
        if isinstance(event, CallMade):
            found = mismatch(machine, event)
            if found is not None:
                machine.report(found)

    detach = attach(machine)
    unsubscribe = machine.events.subscribe(listen)

    def stop() -> None:
        unsubscribe()
        detach()

    return stop


def mismatch(machine: Machine, event: CallMade) -> Report | None:
    """Return what is wrong with a call that is about to free pages; None when it is right."""
    name = event.function
    if len(event.arguments) < 2 or not event.arguments[0]:
        return None
    address, amount = event.arguments[:2]
    if name in BY_ADDRESS:
        page = pfn_to_page((address - PAGE_OFFSET) >> PAGE_SHIFT)
        return _judge(machine, "pages", page, PAGE_SIZE << min(amount, 20), event)
    if name in BY_PAGE:
        return _judge(machine, "pages", address, PAGE_SIZE << min(amount, 20), event)
    if name == EXACT:
        return _judge(machine, "pages-exact", address, amount, event)
    return None


def _judge(machine: Machine, kind: str, handle: int, size: int, event: CallMade) -> Report | None:
    book = machine.checks.book
    holding = book.find(kind, handle)
    if holding is not None:
        if -(-holding.size // PAGE_SIZE) == -(-size // PAGE_SIZE):
            return None
        detail = f"{size} bytes are freed of a block of {holding.size} bytes"
        return _report("free-size-mismatch", handle, event, (("allocated", holding.site),), detail)
    past = book.last_release(kind, handle)
    if past is None or not _is_taken_again(machine, kind, handle):
        return None
    held, freed = past
    sites = (("allocated", held.site), ("freed-first", freed))
    detail = f"{held.size} bytes of pages, freed before and somebody else's by now"
    return _report("double-free", handle, event, sites, detail)


def _is_taken_again(machine: Machine, kind: str, handle: int) -> bool:
    """Tell whether a block that was freed has a new owner: the allocator takes it without a word.

    Of a block that is still free the allocator itself knows.
    """
    pfn = page_to_pfn(handle) if kind == "pages" else (handle - PAGE_OFFSET) >> PAGE_SHIFT
    return 0 <= pfn < machine.memory.max_pfn and machine.pages.page_count(pfn) > 0


def _report(
    kind: str,
    address: int,
    event: CallMade,
    sites: tuple[tuple[str, Frame | None], ...],
    detail: str,
) -> Report:
    related = tuple((role, frame) for role, frame in sites if frame is not None)
    return Report(
        kind, "silent", "", address=address, site=event.site, related=related, spoken=False,
        detail=detail,
    )  # fmt: skip
