"""Per-CPU page lists: refill, drain, and how their sizes tune themselves (`mm/page_alloc.c`)."""

from __future__ import annotations

from typing import Final

from kmemquest.kernel.events import PcpDrained, PcpRefilled
from kmemquest.kernel.mm.buddy import free_one_page, rmqueue_smallest
from kmemquest.kernel.mm.fallback import MODE_NORMAL, rmqueue_with_fallback
from kmemquest.kernel.mm.watermark import watermark_ok
from kmemquest.kernel.mm.zone import (
    MIGRATE_PCPTYPES,
    MOVABLE,
    NO_PAGE,
    NR_PCP_LISTS,
    PAGE_ALLOC_COSTLY_ORDER,
    PAGEBLOCK_ORDER,
    PCP_FREE_HIGH_BATCH,
    PCP_LIST_ORDER,
    PCP_PREV_FREE_HIGH_ORDER,
    PCP_THP_LIST,
    WMARK_HIGH,
    WMARK_LOW,
    ZONE_BELOW_HIGH,
    ZONE_MOVABLE,
    ZONE_RECLAIM_ACTIVE,
    Node,
    PerCpuPages,
    Zone,
)

PCP_BATCH_SCALE_MAX: Final = 5
HIGH_FRACTION: Final = 8
"""MIN_PERCPU_PAGELIST_HIGH_FRACTION: high_max is at most managed/8 over the node's CPUs."""
_LARGEST_BATCH: Final = 256
_CACHE_SLICE_PAGES: Final = 512
"""Data-cache share of a CPU that decides PCP_FREE_HIGH_BATCH, in pages (2 MiB)."""


# --- sizing -------------------------------------------------------------------------------


def zone_batch(managed: int) -> int:
    """Return pcp.batch for a zone (`zone_batchsize`): 63 from 1 GiB up."""
    batch = max(min(managed >> 10, _LARGEST_BATCH) // 4, 1)
    rounded = 1 << ((batch + batch // 2).bit_length() - 1)
    return max(1, rounded - 1)


def size_pagesets(zone: Zone, node: Node, online_cpus: int) -> None:
    """Set batch, high_min and high_max of all CPUs (`zone_set_pageset_high_and_batch`)."""
    batch = zone_batch(zone.managed)
    cpus = node.cpus or online_cpus
    high_min = max(zone.marks[WMARK_LOW] // cpus, batch << 2)
    high_max = max(zone.managed // HIGH_FRACTION // cpus, batch << 2)
    for pageset in zone.pagesets:
        pageset.room = 0
        pageset.batch = batch
        pageset.high_min = high_min
        pageset.high_max = high_max
        if batch * 3 < _CACHE_SLICE_PAGES:
            pageset.flags |= PCP_FREE_HIGH_BATCH
        else:
            pageset.flags &= ~PCP_FREE_HIGH_BATCH


def pcp_allows(order: int) -> bool:
    """Tell whether blocks of this order pass through the per-CPU lists."""
    return order <= PAGE_ALLOC_COSTLY_ORDER or order == PAGEBLOCK_ORDER


def list_index(order: int, migratetype: int) -> int:
    """Return the list of an order and type (`order_to_pindex`)."""
    if order > PAGE_ALLOC_COSTLY_ORDER:
        return PCP_THP_LIST + (migratetype == MOVABLE)
    return MIGRATE_PCPTYPES * order + migratetype


# --- taking -------------------------------------------------------------------------------


def rmqueue_pcplist(zone: Zone, order: int, migratetype: int, alloc_flags: int) -> int:
    """Take a block from the running CPU's list, refilling it first when it is empty."""
    pcp = zone.pageset
    pcp.free_count >>= 1
    return take_from_pcp(zone, pcp, order, migratetype, alloc_flags)


def take_from_pcp(
    zone: Zone, pcp: PerCpuPages, order: int, migratetype: int, alloc_flags: int
) -> int:
    """Take the head of a list; NO_PAGE when even a refill leaves it empty."""
    index = list_index(order, migratetype)
    listed = pcp.lists[index]
    if not listed:
        refill(zone, pcp, order, migratetype, alloc_flags)
        if not listed:
            return NO_PAGE
    pcp.count -= 1 << order
    return listed.popleft()


def refill(zone: Zone, pcp: PerCpuPages, order: int, migratetype: int, alloc_flags: int) -> None:
    """Move blocks from the buddy lists to the tail of a per-CPU list (`rmqueue_bulk`)."""
    listed = pcp.lists[list_index(order, migratetype)]
    mode = MODE_NORMAL
    taken = 0
    for _ in range(_refill_size(zone, pcp, order)):
        pfn = NO_PAGE
        if mode == MODE_NORMAL:
            pfn = rmqueue_smallest(zone, order, migratetype)
        if pfn < 0:
            pfn, mode = rmqueue_with_fallback(zone, order, migratetype, alloc_flags, mode)
            if pfn < 0:
                break
        listed.append(pfn)
        taken += 1
    pcp.count += taken << order
    if taken and zone.events.active:
        zone.events.emit(
            PcpRefilled(
                zone.node, zone.name, _cpu(zone, pcp), order, migratetype, tuple(listed)[-taken:]
            )
        )


def _refill_size(zone: Zone, pcp: PerCpuPages, order: int) -> int:
    """Return how many blocks to take (`nr_pcp_alloc`): doubles while a CPU only allocates."""
    pcp.room = 0
    high = pcp.high = _clamp(pcp.high, pcp.high_min, pcp.high_max)
    base = pcp.batch
    if high < base:
        return 1
    batch = base if order else base << pcp.alloc_factor
    if pcp.high_min != pcp.high_max and not zone.flags & ZONE_BELOW_HIGH:
        high = pcp.high = min(high + batch, pcp.high_max)
    if not order:
        limit = max(high - pcp.count - base, base)
        if batch <= limit and pcp.alloc_factor < PCP_BATCH_SCALE_MAX:
            pcp.alloc_factor += 1
        batch = min(batch, limit)
    if batch > 1:
        batch = max(batch >> order, 2)
    return batch


# --- giving back --------------------------------------------------------------------------


def free_to_pcp(zone: Zone, pfn: int, order: int, migratetype: int) -> None:
    """Put a block at the head of the running CPU's list; drain what is above high.

    `mm/page_alloc.c:free_unref_page_commit`.
    """
    pcp = zone.pageset
    pcp.alloc_factor >>= 1
    index = list_index(order, migratetype)
    pcp.lists[index].appendleft(pfn)
    pcp.count += 1 << order
    free_high = False
    if order and order <= PAGE_ALLOC_COSTLY_ORDER:
        free_high = (
            pcp.free_count >= pcp.batch
            and bool(pcp.flags & PCP_PREV_FREE_HIGH_ORDER)
            and (not pcp.flags & PCP_FREE_HIGH_BATCH or pcp.count >= pcp.batch)
        )
        pcp.flags |= PCP_PREV_FREE_HIGH_ORDER
    else:
        pcp.flags &= ~PCP_PREV_FREE_HIGH_ORDER
    if pcp.free_count < pcp.batch << PCP_BATCH_SCALE_MAX:
        pcp.free_count += 1 << order
    high = _high_now(zone, pcp, free_high=free_high)
    if pcp.count < high:
        return
    drain(zone, pcp, _drain_size(pcp, high, free_high=free_high), index)
    if zone.flags & ZONE_BELOW_HIGH and watermark_ok(
        zone, 0, zone.mark(WMARK_HIGH), ZONE_MOVABLE, 0
    ):
        zone.flags &= ~ZONE_BELOW_HIGH


def _high_now(zone: Zone, pcp: PerCpuPages, *, free_high: bool) -> int:
    """Tune pcp.high and return the limit in force for this free (`nr_pcp_high`)."""
    pcp.room = 0
    high = pcp.high = _clamp(pcp.high, pcp.high_min, pcp.high_max)
    if not high:
        return 0
    batch, high_min = pcp.batch, pcp.high_min
    if free_high:
        pcp.high = max(high - (batch << PCP_BATCH_SCALE_MAX), high_min)
        return 0
    if zone.flags & ZONE_RECLAIM_ACTIVE:
        pcp.high = max(high - max(pcp.free_count, batch), high_min)
        return min(batch << 2, pcp.high)
    if high_min == pcp.high_max:
        return high
    if zone.flags & ZONE_BELOW_HIGH:
        pcp.high = max(high - max(pcp.free_count, batch), high_min)
        return max(pcp.count, high_min)
    if pcp.count >= high:
        need = pcp.free_count + batch
        if pcp.high < need:
            pcp.high = _clamp(need, high_min, pcp.high_max)
    return high


def _drain_size(pcp: PerCpuPages, high: int, *, free_high: bool) -> int:
    """Return how many pages to give back (`nr_pcp_free`)."""
    if free_high:
        return min(pcp.count, pcp.batch << PCP_BATCH_SCALE_MAX)
    if high < pcp.batch:
        return 1
    return min(max(pcp.free_count, pcp.batch), high - pcp.batch)


def drain(zone: Zone, pcp: PerCpuPages, count: int, index: int) -> None:
    """Give back `count` pages, emptying list after list from `index` on, tails first.

    `mm/page_alloc.c:free_pcppages_bulk`. Every block joins its pageblock's type of this moment.
    """
    count = min(count, pcp.count)
    pageblocks = zone.pageblocks
    active = zone.events.active
    blocks: list[tuple[int, int]] = []
    while count > 0:
        listed = pcp.lists[index]
        if not listed:
            index = (index + 1) % NR_PCP_LISTS
            continue
        order = PCP_LIST_ORDER[index]
        size = 1 << order
        while listed and count > 0:
            pfn = listed.pop()
            count -= size
            pcp.count -= size
            if active:
                blocks.append((pfn, order))
            free_one_page(zone, pfn, order, pageblocks.get(pfn >> PAGEBLOCK_ORDER, MOVABLE))
    if blocks:
        zone.events.emit(PcpDrained(zone.node, zone.name, _cpu(zone, pcp), tuple(blocks)))


def drain_zone(zone: Zone, pcp: PerCpuPages) -> None:
    """Empty one CPU's lists in portions (`drain_pages_zone`)."""
    while pcp.count > 0:
        drain(zone, pcp, pcp.batch << PCP_BATCH_SCALE_MAX, 0)


def decay_high(zone: Zone, pcp: PerCpuPages) -> bool:
    """Do the vmstat worker's part: lower pcp.high, drain above it (`decay_pcp_high`)."""
    batch = pcp.batch
    drained = False
    if pcp.high > pcp.high_min:
        pcp.room = 0
        pcp.high = max(
            pcp.count - (batch << PCP_BATCH_SCALE_MAX), pcp.high - (pcp.high >> 3), pcp.high_min
        )
        drained = pcp.high > pcp.high_min
    surplus = pcp.count - pcp.high
    while surplus > 0:
        drain(zone, pcp, min(surplus, batch), 0)
        surplus -= batch
        drained = True
    return drained


def _clamp(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def _cpu(zone: Zone, pcp: PerCpuPages) -> int:
    return next(cpu for cpu, pageset in enumerate(zone.pagesets) if pageset is pcp)
