"""The page allocator with fail_page_alloc in front of it.

A machine's allocator becomes one of this class when failures are asked for
(`fault_injection.armed`), so that the allocator itself has no test for it.
"""

from __future__ import annotations

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.mm.page_alloc import PageAllocator
from kmemquest.kernel.mm.zone import MAX_PAGE_ORDER, NO_PAGE


class FailingPageAllocator(PageAllocator):
    """Asks the knob first, where `mm/page_alloc.c:prepare_alloc_pages` does."""

    def alloc_pages(self, gfp: int, order: int, nid: int | None = None) -> int:
        """Return the first of 2**order frames, or NO_PAGE, without a word if made to fail."""
        if order <= MAX_PAGE_ORDER and self._fails(gfp, order, "alloc_pages"):
            return NO_PAGE
        return super().alloc_pages(gfp, order, nid)

    def alloc_pages_bulk(self, gfp: int, count: int, nid: int | None = None) -> list[int]:
        """Take single pages; the request as a whole can fail, and so can its fallback."""
        whole = count > 1 and not gfp & _gfp.ACCOUNT
        if whole and self._fails(gfp, 0, "alloc_pages_bulk"):
            return []
        return super().alloc_pages_bulk(gfp, count, nid)

    def _fails(self, gfp: int, order: int, call: str) -> bool:
        checks = self.machine.checks
        faults = checks.faults
        if faults is None or not faults.should_fail_alloc_page(gfp, order):
            return False
        if gfp & _gfp.DIRECT_RECLAIM:
            checks.might_sleep(call, gfp)
        return True
