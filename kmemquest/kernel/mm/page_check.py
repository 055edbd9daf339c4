"""Checks on `struct page` when frames are handed out and taken back (`mm/page_alloc.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import pfn_to_page
from kmemquest.kernel.events import Report
from kmemquest.kernel.log import KERN_ALERT
from kmemquest.kernel.mm.frame import PAGEBLOCK_SHIFT

if TYPE_CHECKING:
    from kmemquest.kernel.mm.page_alloc import PageAllocator

BURST: Final = 60
"""Reports per minute; more are counted only."""
MINUTE: Final = 60_000_000_000

NONZERO_REFCOUNT: Final = "nonzero _refcount"
NONZERO_MAPCOUNT: Final = "nonzero mapcount"
NON_NULL_MAPPING: Final = "non-NULL mapping"
FLAGS_AT_FREE: Final = "PAGE_FLAGS_CHECK_AT_FREE flag(s) set"

PG_LOCKED: Final = 1 << 0
PG_RESERVED: Final = 1 << 13
CHECKED_AT_FREE: Final = PG_LOCKED | PG_RESERVED | 1 << 1 | 1 << 5 | 1 << 8 | 1 << 14 | 1 << 15
"""locked, writeback, lru, active, private and private_2, reserved (`PAGE_FLAGS_CHECK_AT_FREE`)."""
MAPPING_AT: Final = 24
"""Offset of `mapping` in `struct page`."""
MAPPING_FLAGS: Final = 3
COUNT_AT: Final = 52
COUNT_BYTES: Final = 4
"""Where `_refcount` stands in `struct page`."""

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
    if frames.written_maps:
        for frame in range(pfn + 1, pfn + (1 << order)):
            left = _driver_state(pages, frame)
            if frame in frames.written_counts and written_count(pages, frame):
                left = NONZERO_REFCOUNT
            frames.written_counts.discard(frame)
            if left:
                bad_page(pages, frame, left, ("free_unref_page",))
                refused = True
        reason = _driver_state(pages, pfn)
    if pfn in frames.refcounts:
        reason = NONZERO_REFCOUNT
    if pfn in frames.slabs:
        reason = NONZERO_MAPCOUNT
    if pfn in frames.lru:
        reason = FLAGS_AT_FREE
    if reason:
        bad_page(pages, pfn, reason, ("free_unref_page",))
    return refused or bool(reason)


def _driver_state(pages: PageAllocator, pfn: int) -> str:
    """Look at what a driver left in a `struct page`: return what is bad of it, clear the rest."""
    memory = pages.machine.memory
    if pfn >> PAGEBLOCK_SHIFT not in pages.frames.written_maps:
        return ""
    written = memory.struct_page(pfn)
    flags, mapping = _word(written, 0), _word(written, MAPPING_AT >> 3)
    if mapping & MAPPING_FLAGS:
        # An anonymous mapping needs no owner's leave.
        memory.poke(pfn_to_page(pfn) + MAPPING_AT, bytes(8))
        mapping = 0
    if flags & CHECKED_AT_FREE:
        return FLAGS_AT_FREE
    if mapping:
        return NON_NULL_MAPPING
    if flags:
        memory.poke(pfn_to_page(pfn), bytes(8))
    return ""


def written_count(pages: PageAllocator, pfn: int) -> int:
    """Return what a driver wrote over `_refcount`, as a signed int."""
    memory, place = pages.machine.memory, pfn_to_page(pfn) + COUNT_AT
    return int.from_bytes(memory.peek(place, COUNT_BYTES), "little", signed=True)


def drop_written_reference(pages: PageAllocator, pfn: int) -> bool:
    """Decrement a `_refcount` that a driver wrote: a page with a wild count is never freed."""
    count = written_count(pages, pfn) - 1
    if count == 0:
        pages.frames.written_counts.discard(pfn)
        pages.frames.set_refcount(pfn, 0)
    else:
        data = (count & 0xFFFF_FFFF).to_bytes(COUNT_BYTES, "little")
        pages.machine.memory.poke(pfn_to_page(pfn) + COUNT_AT, data)
    return count == 0


def taken_while_free(pages: PageAllocator, pfn: int) -> bool:
    """A reference is taken to a page that has none; only a DEBUG_VM kernel stops here."""
    machine = pages.machine
    if pages.page_count(pfn) or not machine.spec.checkers.debug_vm:
        return False
    from kmemquest.kernel.check.oops import bug

    reason = "VM_BUG_ON_FOLIO(folio_ref_zero_or_close_to_overflow(folio))"
    for line in dump_page(pages, pfn, reason):
        machine.log.print(line, KERN_ALERT)
    site = machine.site
    bug(machine, "include/linux/mm.h", 1217, site.function if site else "get_page")
    return True


def _word(struct_page: bytes | None, index: int) -> int:
    return int.from_bytes(struct_page[8 * index : 8 * index + 8], "little") if struct_page else 0


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
    written = pages.machine.memory.struct_page(pfn)
    lru = [_word(written, 1), _word(written, 2)]
    mapping, index, private = (_word(written, number) for number in (3, 4, 5))
    if not any(lru):
        # Nobody but the allocator used the list; it poisons what it takes off one.
        lru = [_LIST_POISON1, _LIST_POISON2]
    words = [flags, *lru, mapping, index, private]
    words.append((count & 0xFFFF_FFFF) << 32 | page_type)
    words.append(_word(written, 7))
    shown, kind, about = _mapping_in_words(pages, mapping)
    lines = [
        f"page: refcount:{count} mapcount:0 mapping:{shown} index:{index:#x} pfn:{pfn:#x}",
        *about,
        f"{kind}flags: {flags:#x}(node={zone.node}|zone={zone.index}|lastcpupid=0x1fffff)",
    ]
    if type_byte:
        lines.append(f"page_type: {type_byte:x}({type_name})")
    lines.append("raw: " + " ".join(f"{word:016x}" for word in words[:4]))
    lines.append("raw: " + " ".join(f"{word:016x}" for word in words[4:]))
    lines.append(f"page dumped because: {reason}")
    return lines


def _mapping_in_words(pages: PageAllocator, mapping: int) -> tuple[str, str, list[str]]:
    """Return the hashed mapping, the word before the flags, and what the mapping points to.

    The low bits of a mapping say what it is (`include/linux/page-flags.h:PAGE_MAPPING_ANON`).
    """
    low_bits = mapping & 3
    if not mapping or low_bits:
        return f"{0:016x}", ("", "anon ", "", "ksm ")[low_bits], []
    from kmemquest.kernel.text.pointer import hashed_pointer

    machine = pages.machine
    # Booting with slab_debug turns hashing off.
    bare = machine.slub.debug.enabled
    shown = f"{mapping:016x}" if bare else hashed_pointer(machine, mapping)
    if machine.memory.translate(mapping) is None:
        return shown, "", [f"invalid mapping:{mapping:016x}"]
    return shown, "", ["aops:0x0"]
