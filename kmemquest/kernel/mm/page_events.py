"""The two events of every page call."""

from __future__ import annotations

from kmemquest.kernel.events import PagesAllocated, PagesFreed
from kmemquest.kernel.mm.zone import Zone


def pages_allocated(
    pfn: int, order: int, gfp: int, migratetype: int, zone: Zone, from_pcp: bool
) -> PagesAllocated:
    """Return the event of 2**order frames handed out from a zone."""
    return PagesAllocated(pfn, order, gfp, migratetype, zone.node, zone.name, from_pcp)


def pages_freed(pfn: int, order: int, zone: Zone, to_pcp: bool) -> PagesFreed:
    """Return the event of 2**order frames come back to a zone."""
    return PagesFreed(pfn, order, zone.node, zone.name, to_pcp)
