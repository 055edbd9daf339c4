"""Checks on `struct page` when frames are handed out and taken back (`mm/page_alloc.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import pfn_to_page
from kmemquest.kernel.events import Report
from kmemquest.kernel.log import KERN_ALERT

if TYPE_CHECKING:
    from kmemquest.kernel.mm.page_alloc import PageAllocator

BURST: Final = 60
"""Reports per minute; more are counted only."""
MINUTE: Final = 60_000_000_000

NONZERO_REFCOUNT: Final = "nonzero _refcount"
NONZERO_MAPCOUNT: Final = "nonzero mapcount"
FLAGS_AT_FREE: Final = "PAGE_FLAGS_CHECK_AT_FREE flag(s) set"

_LIST_POISON1: Final = 0xDEAD000000000100
_LIST_POISON2: Final = 0xDEAD000000000122


def bad_to_hand_out(pages: PageAllocator, pfn: int, order: int) -> bool:
    """Check a block before it is handed out; a bad one is reported and leaked.

    `mm/page_alloc.c:check_new_pages`.
    """
    for frame in pages.frames.suspects_in(pfn, 1 << order):
        bad_page(pages, frame, NONZERO_REFCOUNT, ("check_new_page", "get_page_from_freelist"))
        return True
    return False


def free_is_refused(pages: PageAllocator, pfn: int, order: int) -> bool:
    """Check a block being freed; tell whether it is bad, reported and leaked."""
    frames = pages.frames
    refused = False
    if order and frames.orders.get(pfn) != order:
        refused = _neighbours_in_use(pages, pfn, order)
    reason = ""
    if pfn in frames.refcounts:
        reason = NONZERO_REFCOUNT
    if pfn in frames.slabs:
        reason = NONZERO_MAPCOUNT
    if pfn in frames.lru:
        reason = FLAGS_AT_FREE
    if reason:
        bad_page(pages, pfn, reason, ("free_unref_page",))
    return refused or bool(reason)


def _neighbours_in_use(pages: PageAllocator, pfn: int, order: int) -> bool:
    """Look for references on the other frames of a block: it is freed with too large an order."""
    refcounts = pages.frames.refcounts
    bad = [frame for frame in range(pfn + 1, pfn + (1 << order)) if frame in refcounts]
    for frame in bad:
        bad_page(pages, frame, NONZERO_REFCOUNT, ("free_unref_page",))
    return bool(bad)


def refuse_free_frames(pages: PageAllocator, pfn: int, order: int) -> bool:
    """Check parts that a second free of a larger block frees again; tell whether they stay.

    The head of a listed block carries the buddy mark and is refused aloud. Elsewhere Linux lists
    the frames twice without a word; here the lists stay whole, and the report says so.
    """
    block = pages.free_block_at(pfn)
    if block is not None and block[0] == pfn and pages.checks_pages:
        bad_page(pages, pfn, NONZERO_MAPCOUNT, ("free_unref_page",))
        return True
    if block is None and not pages.on_pcp(pfn):
        return False
    _silent_double_free(pages, pfn, f"frames {pfn:#x}… of order {order} are on a free list twice")
    return True


def refuse_reserved(pages: PageAllocator, pfn: int) -> bool:
    """Check for a frame that the allocator never owned; freeing it is reported."""
    if not pages.frames.is_reserved(pfn):
        return False
    if pages.checks_pages:
        bad_page(pages, pfn, FLAGS_AT_FREE, ("free_unref_page",))
    return True


def overfreed(pages: PageAllocator, pfn: int, function: str) -> bool:
    """A reference is dropped that does not exist; tell whether the kernel stops here.

    Only a DEBUG_VM kernel notices at once; others find the count −1 when the page is next
    handed out, or never.
    """
    machine = pages.machine
    if machine.spec.checkers.debug_vm:
        from kmemquest.kernel.check.oops import bug

        for line in dump_page(pages, pfn, "VM_BUG_ON_PAGE(page_ref_count(page) == 0)"):
            machine.log.print(line, KERN_ALERT)
        bug(machine, "include/linux/mm.h", 1140, function, kind="double-free")
        return True
    _silent_double_free(pages, pfn, f"{function} on a page without references: its count is -1")
    return False


def _silent_double_free(pages: PageAllocator, pfn: int, detail: str) -> None:
    machine = pages.machine
    page = pfn_to_page(pfn)
    machine.report(
        Report("double-free", "silent", "", (), page, machine.site, spoken=False, detail=detail)
    )


def bad_page(pages: PageAllocator, pfn: int, reason: str, inner: tuple[str, ...]) -> None:
    """Report a frame whose state is impossible; the caller leaks it (`bad_page`)."""
    from kmemquest.kernel.text.dump_stack import dump_stack, modules_line

    machine = pages.machine
    frames = pages.frames
    if machine.clock.now - frames.bad_since > MINUTE:
        frames.bad_since, frames.bad_reported = machine.clock.now, 0
    frames.bad_reported += 1
    head = f"BUG: Bad page state in process {machine.context.task.comm}  pfn:{pfn:05x}"
    lines = [
        head,
        *dump_page(pages, pfn, reason),
        modules_line(machine),
        *dump_stack(machine, ("dump_stack_lvl", "bad_page", *inner)),
    ]
    spoken = frames.bad_reported <= BURST
    if spoken and machine.checks.once("lock-debugging-disabled"):
        lines.append("Disabling lock debugging due to kernel taint")
    report = Report(
        "bad-page",
        "BUG report",
        head,
        tuple(lines),
        address=pfn_to_page(pfn),
        site=machine.site,
        spoken=spoken,
        detail=reason,
    )
    machine.report(report, KERN_ALERT)
    machine.checks.taint.add("B")


def dump_page(pages: PageAllocator, pfn: int, reason: str) -> list[str]:
    """Render what `dump_page()` prints for a single page (`mm/debug.c:__dump_folio`)."""
    frames = pages.frames
    zone = pages.zone_of(pfn)
    count = frames.refcount(pfn)
    flags = zone.node << 54 | zone.index << 51 | 0x1FFFFF << 30
    if pfn in frames.slabs:
        type_byte, type_name = 0xF5, "slab"
    elif pages.free_block_at(pfn) is not None and reason == NONZERO_MAPCOUNT:
        type_byte, type_name = 0xF0, "buddy"
    else:
        type_byte, type_name = 0, ""
    page_type = type_byte << 24 if type_byte else 0xFFFF_FFFF
    words = [flags, _LIST_POISON1, _LIST_POISON2, 0, 0, 0]
    words.append((count & 0xFFFF_FFFF) << 32 | page_type)
    words.append(0)
    lines = [
        f"page: refcount:{count} mapcount:0 mapping:0000000000000000 index:0x0 pfn:{pfn:#x}",
        f"flags: {flags:#x}(node={zone.node}|zone={zone.index}|lastcpupid=0x1fffff)",
    ]
    if type_byte:
        lines.append(f"page_type: {type_byte:x}({type_name})")
    lines.append("raw: " + " ".join(f"{word:016x}" for word in words[:4]))
    lines.append("raw: " + " ".join(f"{word:016x}" for word in words[4:]))
    lines.append(f"page dumped because: {reason}")
    return lines
