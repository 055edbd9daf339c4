"""The buddy algorithm on one zone: split, merge, move (`mm/page_alloc.c`)."""

from __future__ import annotations

from kmemquest.kernel.events import (
    BlockListed,
    BlocksMerged,
    BlockSplit,
    BlockUnlisted,
    PageblockConverted,
)
from kmemquest.kernel.mm.zone import (
    HIGHATOMIC,
    ISOLATE,
    MAX_PAGE_ORDER,
    MIGRATE_PCPTYPES,
    MIGRATE_TYPES,
    MOVABLE,
    NO_PAGE,
    NR_PAGE_ORDERS,
    PAGEBLOCK_ORDER,
    PAGEBLOCK_PAGES,
    Zone,
)


def account(zone: Zone, pages: int, migratetype: int) -> None:
    """Add to the free counter as the CPU does: fold only past the threshold.

    `mm/page_alloc.c:account_freepages`, `mm/vmstat.c:__mod_zone_page_state`.
    """
    if migratetype == ISOLATE:
        return
    pending = zone.diff + pages
    if -zone.stat_threshold <= pending <= zone.stat_threshold:
        zone.diff = pending
    else:
        zone.free += pending
        zone.diff = 0
        if zone.free <= zone.comfort:
            zone.calm = False
    if migratetype == HIGHATOMIC:
        zone.nr_free_highatomic += pages
        zone.update_comfort()


# --- taking blocks ------------------------------------------------------------------------


def rmqueue_smallest(zone: Zone, order: int, migratetype: int) -> int:
    """Take the smallest fitting block of a migratetype; NO_PAGE when there is none."""
    lists = zone.free_lists[migratetype]
    for have in range(order, NR_PAGE_ORDERS):
        listed = lists[have]
        if not listed.front:
            if not (listed.back or listed.runs):
                continue
            listed.refill_front()
        pfn = listed.front.popitem()[0]
        if have == MAX_PAGE_ORDER:
            zone.calm = False
        if zone.events.active:
            _unlisted(zone, pfn, have, migratetype)
        if have > order:
            expand(zone, pfn, order, have, migratetype)
        # This is account(), spelled out: the hottest line of the allocator.
        pending = zone.diff - (1 << order)
        if -zone.stat_threshold <= pending and migratetype < HIGHATOMIC:
            zone.diff = pending
        else:
            account(zone, -(1 << order), migratetype)
        return pfn
    return NO_PAGE


def expand(zone: Zone, pfn: int, low: int, high: int, migratetype: int) -> None:
    """Split a block down: the upper halves go to the list heads, the lowest piece stays."""
    lists = zone.free_lists[migratetype]
    order = high
    while order > low:
        order -= 1
        lists[order].front[pfn + (1 << order)] = None
    if zone.events.active:
        zone.events.emit(BlockSplit(pfn, high, low))
        for order in range(high - 1, low - 1, -1):
            _listed(zone, pfn + (1 << order), order, migratetype, tail=False)


def take_block(zone: Zone, pfn: int, order: int, migratetype: int) -> None:
    """Take one known block off its list without accounting it."""
    zone.free_lists[migratetype][order].remove(pfn)
    zone.calm = False
    if zone.events.active:
        _unlisted(zone, pfn, order, migratetype)


# --- giving blocks back -------------------------------------------------------------------


def free_one_page(
    zone: Zone, pfn: int, order: int, migratetype: int, *, to_tail: bool = False
) -> None:
    """Merge a block with its free buddies and list the result (`__free_one_page`)."""
    pending = zone.diff + (1 << order)
    if pending <= zone.stat_threshold and migratetype < HIGHATOMIC:
        zone.diff = pending
    else:
        account(zone, 1 << order, migratetype)
    active = zone.events.active
    lists = zone.free_lists[migratetype]
    start_order = order
    while order < PAGEBLOCK_ORDER:
        buddy = pfn ^ (1 << order)
        listed = lists[order]
        if buddy in listed.front:
            del listed.front[buddy]
        elif buddy in listed.back:
            del listed.back[buddy]
        else:
            break
        if active:
            _unlisted(zone, buddy, order, migratetype)
        pfn &= buddy
        order += 1
    if order == PAGEBLOCK_ORDER and _merge_pageblock(zone, pfn, migratetype):
        pfn &= ~PAGEBLOCK_PAGES
        order = MAX_PAGE_ORDER
    if active and order > start_order:
        zone.events.emit(BlocksMerged(pfn, start_order, order))
    tail = to_tail
    if not tail and order < PAGEBLOCK_ORDER - 1:
        # merge_likely() within one pageblock, where all free blocks are of one type.
        parent_buddy = (pfn & ~(1 << order)) ^ (2 << order)
        listed = lists[order + 1]
        tail = parent_buddy in listed.front or parent_buddy in listed.back
    elif not tail and order < PAGEBLOCK_ORDER:
        tail = merge_likely(zone, pfn, order, migratetype)
    if tail:
        lists[order].back[pfn] = None
    else:
        lists[order].front[pfn] = None
    if active:
        _listed(zone, pfn, order, migratetype, tail=tail)


def _merge_pageblock(zone: Zone, pfn: int, migratetype: int) -> bool:
    """Take the order-9 buddy of a freed pageblock off its list if the two may become one.

    Different mergeable types merge, and the buddy's pageblock takes the type of the freed one.
    """
    buddy = pfn ^ PAGEBLOCK_PAGES
    buddy_type = zone.pageblock_type(buddy)
    if buddy not in zone.free_lists[buddy_type][PAGEBLOCK_ORDER]:
        return False
    if buddy_type != migratetype:
        if buddy_type >= MIGRATE_PCPTYPES or migratetype >= MIGRATE_PCPTYPES:
            return False
    take_block(zone, buddy, PAGEBLOCK_ORDER, buddy_type)
    if buddy_type != migratetype:
        convert_pageblock(zone, buddy, migratetype, "merged")
    return True


def merge_likely(zone: Zone, pfn: int, order: int, migratetype: int) -> bool:
    """Tell whether one more free of this order would cascade (`buddy_merge_likely`)."""
    order += 1
    parent_buddy = (pfn & ~(1 << order - 1)) ^ (1 << order)
    if order == PAGEBLOCK_ORDER:
        migratetype = zone.pageblock_type(parent_buddy)
    listed = zone.free_lists[migratetype][order]
    return parent_buddy in listed.front or parent_buddy in listed.back


def split_large_buddy(zone: Zone, pfn: int, order: int, *, to_tail: bool = False) -> None:
    """Free a block pageblock by pageblock, each with its own type (`split_large_buddy`)."""
    pageblocks = zone.pageblocks
    if order <= PAGEBLOCK_ORDER:
        mt = pageblocks.get(pfn >> PAGEBLOCK_ORDER, MOVABLE)
        free_one_page(zone, pfn, order, mt, to_tail=to_tail)
        return
    for piece in range(pfn, pfn + (1 << order), PAGEBLOCK_PAGES):
        mt = pageblocks.get(piece >> PAGEBLOCK_ORDER, MOVABLE)
        free_one_page(zone, piece, PAGEBLOCK_ORDER, mt, to_tail=to_tail)


def free_pristine_run(zone: Zone, start: int, end: int) -> None:
    """List [start, end), whole order-10 blocks of Movable pageblocks, at the tail as one run."""
    zone.free_lists[MOVABLE][MAX_PAGE_ORDER].push_tail_run(start, end)
    account(zone, end - start, MOVABLE)
    if zone.events.active:
        for pfn in range(start, end, 1 << MAX_PAGE_ORDER):
            _listed(zone, pfn, MAX_PAGE_ORDER, MOVABLE, tail=True)


# --- whole pageblocks ---------------------------------------------------------------------


def convert_pageblock(zone: Zone, pfn: int, migratetype: int, reason: str) -> None:
    """Set a pageblock's migratetype and tell; its free blocks are not touched."""
    before = zone.pageblock_type(pfn)
    if before == migratetype:
        return
    zone.set_pageblock_type(pfn, migratetype)
    if zone.events.active:
        start = pfn & ~(PAGEBLOCK_PAGES - 1)
        zone.events.emit(PageblockConverted(start, before, migratetype, reason))


def pageblock_in_zone(zone: Zone, pfn: int) -> bool:
    """Tell whether the pageblock of a frame lies wholly inside the zone."""
    start = pfn & ~(PAGEBLOCK_PAGES - 1)
    return zone.start_pfn <= start and start + PAGEBLOCK_PAGES <= zone.end_pfn


def free_blocks_in_pageblock(zone: Zone, pfn: int) -> list[tuple[int, int]]:
    """Return (pfn, order) of the free blocks below order 9 in a pageblock, ascending."""
    pfn &= ~(PAGEBLOCK_PAGES - 1)
    end = pfn + PAGEBLOCK_PAGES
    lists = zone.free_lists[zone.pageblock_type(pfn)]
    found = []
    for order in range(PAGEBLOCK_ORDER):
        listed = lists[order]
        front, back = listed.front, listed.back
        if front or back:
            step = 1 << order
            if len(front) + len(back) < PAGEBLOCK_PAGES >> order:
                found += [(p, order) for part in (front, back) for p in part if pfn <= p < end]
            else:
                found += [(p, order) for p in range(pfn, end, step) if p in front or p in back]
    found.sort()
    return found


def move_free_blocks(zone: Zone, blocks: list[tuple[int, int]], before: int, after: int) -> int:
    """Move free blocks from one migratetype's lists to the tails of another's; return pages.

    Each block is accounted out and in on its own, as `move_to_free_list` does: folding of the
    free counter depends on it.
    """
    moved = 0
    zone.calm = False
    for pfn, order in blocks:
        zone.free_lists[before][order].remove(pfn)
        zone.free_lists[after][order].push_tail(pfn)
        account(zone, -(1 << order), before)
        account(zone, 1 << order, after)
        moved += 1 << order
        if zone.events.active:
            _unlisted(zone, pfn, order, before)
            _listed(zone, pfn, order, after, tail=True)
    return moved


def find_free_block(zone: Zone, pfn: int) -> tuple[int, int] | None:
    """Return (first pfn, order) of the free block a frame lies in, or None."""
    for order in range(NR_PAGE_ORDERS):
        head = pfn >> order << order
        for migratetype in range(MIGRATE_TYPES):
            if head in zone.free_lists[migratetype][order]:
                return head, order
    return None


def _listed(zone: Zone, pfn: int, order: int, migratetype: int, *, tail: bool) -> None:
    zone.events.emit(BlockListed(zone.node, zone.name, pfn, order, migratetype, tail))


def _unlisted(zone: Zone, pfn: int, order: int, migratetype: int) -> None:
    zone.events.emit(BlockUnlisted(zone.node, zone.name, pfn, order, migratetype))
