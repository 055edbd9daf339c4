"""When the fast path finds nothing: wake, reclaim, compact, retry, kill, fail.

`mm/page_alloc.c:__alloc_pages_slowpath`. Reclaim, compaction and the OOM killer are the
machine's `reclaim`; before that exists every request that gets here fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.context import PF_MEMALLOC
from kmemquest.kernel.events import AllocationFailed, Report, SlowPathEntered
from kmemquest.kernel.mm import watermark
from kmemquest.kernel.mm.alloc_flags import (
    ALLOC_CPUSET,
    ALLOC_KSWAPD,
    ALLOC_MIN_RESERVE,
    ALLOC_NO_WATERMARKS,
    ALLOC_OOM,
    reserve_flags,
    slow_path_flags,
)
from kmemquest.kernel.mm.highatomic import unreserve_pageblock
from kmemquest.kernel.mm.zone import (
    MOVABLE,
    NO_PAGE,
    PAGE_ALLOC_COSTLY_ORDER,
    WMARK_HIGH,
    WMARK_MIN,
    ZONE_NORMAL,
    Zone,
)
from kmemquest.kernel.mm.zone_scan import get_page_from_freelist

if TYPE_CHECKING:
    from kmemquest.kernel.mm.page_alloc import PageAllocator

MAX_RECLAIM_RETRIES: Final = 16
MAX_COMPACT_RETRIES: Final = 16
ENDLESS_ROUNDS: Final = 1000
"""A request that has gone round this often would never return; the simulator ends its task."""
SLOW_PATH_COST: Final = 900
"""Nanoseconds to enter the slow path and scan the zonelist again."""
OOM_LOCK_PAUSE: Final = 4_000_000
"""A tick: what a task sleeps between two tries after the OOM killer ran, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Request:
    """A page request after `prepare_alloc_pages`: what stays the same while it waits."""

    gfp: int
    order: int
    nid: int
    zones: tuple[Zone, ...]
    ceiling: int
    migratetype: int

    @property
    def may_reclaim(self) -> bool:
        """True when the caller may reclaim memory itself, that is, sleep."""
        return bool(self.gfp & _gfp.DIRECT_RECLAIM)

    @property
    def may_compact(self) -> bool:
        """True when pages may be migrated for it (`gfp_compaction_allowed`)."""
        return bool(self.gfp & _gfp.IO)

    @property
    def costly(self) -> bool:
        """True above order 3, where Linux gives up instead of killing."""
        return self.order > PAGE_ALLOC_COSTLY_ORDER


@dataclass(slots=True)
class _Progress:
    """What a waiting request has gone through so far."""

    no_progress_loops: int = 0
    compaction_retries: int = 0
    rounds: int = 0
    sync_compaction: bool = True
    reason: str = ""


def alloc_pages_slowpath(pages: PageAllocator, request: Request) -> int:
    """Try everything the request's flags allow; return a pfn, or NO_PAGE after the report."""
    machine = pages.machine
    if machine.events.active:
        machine.events.emit(SlowPathEntered(request.order, request.gfp))
    pages.clock.now += SLOW_PATH_COST
    if request.gfp & _gfp.NOFAIL:
        _warn_about_nofail(pages, request)
    alloc_flags = slow_path_flags(request.gfp, request.order)
    _wake_all_kswapds(pages, request, alloc_flags)
    pfn = _scan(pages, request, alloc_flags)
    if pfn >= 0:
        return pfn
    progress = _Progress()
    pfn = _first_compaction(pages, request, alloc_flags, progress)
    if pfn >= 0:
        return pfn
    if not progress.reason:
        pfn = _reclaim_and_retry(pages, request, alloc_flags, progress)
        if pfn >= 0:
            return pfn
    if request.gfp & _gfp.NOFAIL and request.may_reclaim:
        return _retry_for_ever(pages, request, alloc_flags, progress)
    if progress.rounds > ENDLESS_ROUNDS:
        return NO_PAGE  # It still waits, on Linux: nothing has failed, and nothing is printed.
    return _fail(pages, request, progress.reason)


def _warn_about_nofail(pages: PageAllocator, request: Request) -> None:
    from kmemquest.kernel.check.oops import warn_once

    function = "__alloc_pages_slowpath.constprop.0"
    file = "mm/page_alloc.c"
    if request.order > 1:
        warn_once(pages.machine, "nofail order", file, 4294, function)
    if not request.may_reclaim:
        warn_once(pages.machine, "nofail without reclaim", file, 4299, function)
    elif pages.machine.context.task.flags & PF_MEMALLOC:
        warn_once(pages.machine, "nofail in reclaim", file, 4305, function)


# --- the single steps ---------------------------------------------------------------------


def _scan(pages: PageAllocator, request: Request, alloc_flags: int) -> int:
    return get_page_from_freelist(
        pages,
        request.gfp,
        request.order,
        alloc_flags,
        request.zones,
        request.ceiling,
        request.migratetype,
    )


def _wake_all_kswapds(pages: PageAllocator, request: Request, alloc_flags: int) -> None:
    """Wake kswapd of every node in the zonelist, once each (`wake_all_kswapds`)."""
    if not alloc_flags & ALLOC_KSWAPD or pages.reclaim is None:
        return
    seen: set[int] = set()
    for zone in request.zones:
        if zone.managed and zone.node not in seen:
            seen.add(zone.node)
            pages.wake_kswapd(zone, request.order, request.gfp, request.ceiling)


def _compact(pages: PageAllocator, request: Request, alloc_flags: int, *, sync: bool) -> int:
    """Compact zone by zone until one gives the block (`__alloc_pages_direct_compact`)."""
    reclaim = pages.reclaim
    if reclaim is None or not request.order or not request.may_compact:
        return NO_PAGE
    for zone in request.zones:
        if reclaim.compact(zone, request.order, request.gfp, sync):
            pfn = _scan(pages, request, alloc_flags)
            if pfn >= 0:
                return pfn
    return NO_PAGE


def _first_compaction(
    pages: PageAllocator, request: Request, alloc_flags: int, progress: _Progress
) -> int:
    """Try compaction before reclaim where a big block, not memory, is likely to be missing."""
    wanted = request.costly or (request.order > 0 and request.migratetype != MOVABLE)
    if not (request.may_reclaim and request.may_compact and wanted):
        return NO_PAGE
    if reserve_flags(request.gfp, pages.machine.context) & ALLOC_NO_WATERMARKS:
        return NO_PAGE
    pfn = _compact(pages, request, alloc_flags, sync=False)
    if pfn < 0 and request.costly and request.gfp & _gfp.NORETRY:
        progress.reason = "compaction could not make a block and __GFP_NORETRY forbids more"
    return pfn


def _direct_reclaim(pages: PageAllocator, request: Request, alloc_flags: int) -> tuple[int, int]:
    """Reclaim and scan again; return (pfn, pages reclaimed) (`__alloc_pages_direct_reclaim`)."""
    reclaim = pages.reclaim
    if reclaim is None:
        return NO_PAGE, 0
    reclaimed = reclaim.direct_reclaim(request.gfp, request.order, request.nid)
    if not reclaimed:
        return NO_PAGE, 0
    pfn = _scan(pages, request, alloc_flags)
    if pfn < 0:
        # The pages may sit in the reserve or on the per-CPU lists.
        unreserve_pageblock(request.zones, request.migratetype, force=False)
        pages.drain_all_pages()
        pfn = _scan(pages, request, alloc_flags)
    return pfn, reclaimed


def _should_reclaim_retry(
    pages: PageAllocator, request: Request, alloc_flags: int, reclaimed: int, progress: _Progress
) -> bool:
    """Tell whether another round of reclaim can help (`should_reclaim_retry`)."""
    if reclaimed and not request.costly:
        progress.no_progress_loops = 0
    else:
        progress.no_progress_loops += 1
    if progress.no_progress_loops <= MAX_RECLAIM_RETRIES:
        reclaim = pages.reclaim
        for zone in request.zones:
            available = zone.true_free()
            if reclaim is not None:
                available += reclaim.reclaimable_pages(zone)
            if _would_pass(zone, request, alloc_flags, available):
                return True
    return unreserve_pageblock(request.zones, request.migratetype, force=True)


def _would_pass(zone: Zone, request: Request, alloc_flags: int, available: int) -> bool:
    """Check the min mark as if all reclaimable pages were free already."""
    order = request.order
    mark = watermark.lowered_mark(zone.mark(WMARK_MIN), alloc_flags)
    usable = available - watermark.unusable_free(zone, order, alloc_flags)
    if usable <= mark + zone.lowmem_reserve[request.ceiling]:
        return False
    return order == 0 or watermark.has_block(zone, order, alloc_flags)


def _should_compact_retry(request: Request, progress: _Progress) -> bool:
    """Tell whether compaction deserves another round (`should_compact_retry`)."""
    if not request.order or not request.may_compact:
        return False
    progress.compaction_retries += 1
    limit = MAX_COMPACT_RETRIES // 4 if request.costly else MAX_COMPACT_RETRIES
    return progress.compaction_retries <= limit


def _out_of_memory(pages: PageAllocator, request: Request) -> tuple[int, bool]:
    """Call the OOM killer where it may help; return (pfn, progress) (`__alloc_pages_may_oom`)."""
    reclaim = pages.reclaim
    pfn = get_page_from_freelist(
        pages,
        (request.gfp | _gfp.HARDWALL) & ~_gfp.DIRECT_RECLAIM,
        request.order,
        WMARK_HIGH | ALLOC_CPUSET,
        request.zones,
        request.ceiling,
        request.migratetype,
    )
    if pfn >= 0 or reclaim is None:
        return pfn, False
    spared = _gfp.RETRY_MAYFAIL | _gfp.THISNODE
    if request.costly or request.gfp & spared or request.ceiling < ZONE_NORMAL:
        return NO_PAGE, False
    progress = reclaim.out_of_memory(request.gfp, request.order)
    if (progress or request.gfp & _gfp.NOFAIL) and request.gfp & _gfp.NOFAIL:
        pfn = _scan(pages, request, ALLOC_NO_WATERMARKS)
        return pfn, True
    return NO_PAGE, progress


# --- the loop -----------------------------------------------------------------------------


def _reclaim_and_retry(
    pages: PageAllocator, request: Request, alloc_flags: int, progress: _Progress
) -> int:
    """Go round until a page is found or the request has to give up; says why in `progress`."""
    context = pages.machine.context
    while True:
        progress.rounds += 1
        if progress.rounds > ENDLESS_ROUNDS:
            return _endless(pages, request, progress)
        _wake_all_kswapds(pages, request, alloc_flags)
        rights = reserve_flags(request.gfp, context)
        if rights:
            alloc_flags = rights | alloc_flags & ALLOC_KSWAPD
        pfn = _scan(pages, request, alloc_flags)
        if pfn >= 0:
            return pfn
        if not request.may_reclaim:
            progress.reason = "the caller may not reclaim memory"
            return NO_PAGE
        if context.task.flags & PF_MEMALLOC:
            progress.reason = "the caller is reclaiming memory already"
            return NO_PAGE
        pfn, reclaimed = _direct_reclaim(pages, request, alloc_flags)
        if pages.reclaim is not None and pages.reclaim.caller_is_lost:
            progress.rounds = ENDLESS_ROUNDS + 1
            return NO_PAGE
        if pfn < 0:
            pfn = _compact(pages, request, alloc_flags, sync=progress.sync_compaction)
        if pfn >= 0:
            return pfn
        if request.gfp & _gfp.NORETRY:
            progress.reason = "__GFP_NORETRY allows one round only"
            return NO_PAGE
        patient = request.gfp & _gfp.RETRY_MAYFAIL and request.may_compact
        if request.costly and not patient:
            progress.reason = f"order {request.order} is costly: one round only"
            return NO_PAGE
        if _should_reclaim_retry(pages, request, alloc_flags, reclaimed, progress):
            continue
        if reclaimed and _should_compact_retry(request, progress):
            continue
        pfn, killed = _out_of_memory(pages, request)
        if pfn >= 0:
            return pfn
        if context.task.oom_victim and (alloc_flags & ALLOC_OOM or request.gfp & _gfp.NOMEMALLOC):
            progress.reason = "the caller is being killed for want of memory"
            return NO_PAGE
        if not killed:
            progress.reason = "no reclaimable memory is left"
            return NO_PAGE
        progress.no_progress_loops = 0
        if not _pause(pages):
            progress.rounds = ENDLESS_ROUNDS + 1
            return NO_PAGE


def _pause(pages: PageAllocator) -> bool:
    """Sleep for a tick, so that others may free something; False when nothing can run any more.

    Reclaim without progress is throttled so (`mm/vmscan.c:reclaim_throttle`), and so are those who
    find the OOM killer at work.
    """
    reclaim = pages.reclaim
    if reclaim is not None and reclaim.while_waiting is not None:
        return reclaim.while_waiting(OOM_LOCK_PAUSE, lambda: False)
    pages.clock.now += OOM_LOCK_PAUSE
    return True


def _retry_for_ever(
    pages: PageAllocator, request: Request, alloc_flags: int, progress: _Progress
) -> int:
    """Serve __GFP_NOFAIL: with a right to half the reserve, again and again."""
    while progress.rounds <= ENDLESS_ROUNDS:
        pfn = _scan(pages, request, ALLOC_MIN_RESERVE)
        if pfn >= 0:
            return pfn
        if not _pause(pages):
            progress.rounds = ENDLESS_ROUNDS + 1
            break
        pfn = _reclaim_and_retry(pages, request, alloc_flags, progress)
        if pfn >= 0:
            return pfn
    return NO_PAGE


def _endless(pages: PageAllocator, request: Request, progress: _Progress) -> int:
    """End a task that would wait for memory for ever; Linux would show it as blocked."""
    machine = pages.machine
    progress.reason = "the request would wait for ever"
    machine.report(
        Report(
            "endless-allocation",
            "silent",
            "",
            site=machine.site,
            spoken=False,
            detail=f"order {request.order}, {_gfp.format_gfp(request.gfp)}: {progress.reason}",
        )
    )
    if machine.events.active:
        machine.events.emit(AllocationFailed(request.order, request.gfp, progress.reason))
    machine.kill_task()
    return NO_PAGE


def _fail(pages: PageAllocator, request: Request, reason: str) -> int:
    machine = pages.machine
    if machine.events.active:
        machine.events.emit(AllocationFailed(request.order, request.gfp, reason))
    reclaim = pages.reclaim
    if reclaim is not None and not request.gfp & _gfp.NOWARN:
        reclaim.warn_alloc(request.gfp, request.order, request.nid)
    return NO_PAGE
