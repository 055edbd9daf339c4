"""The two events of every page call, built fast.

A frozen dataclass stores its fields by name, through `object.__setattr__`. Straight through the
slots takes half the time, and these two are most of what a watched machine emits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from kmemquest.kernel.events import PagesAllocated, PagesFreed
from kmemquest.kernel.mm.zone import Zone


def _setters(event: type[PagesAllocated | PagesFreed]) -> list[Callable[[object, object], None]]:
    return [getattr(event, field.name).__set__ for field in fields(event)]


_blank = object.__new__
_pfn, _order, _gfp, _migratetype, _node, _zone, _from_pcp = _setters(PagesAllocated)
_freed_pfn, _freed_order, _freed_node, _freed_zone, _to_pcp = _setters(PagesFreed)


def pages_allocated(
    pfn: int, order: int, gfp: int, migratetype: int, zone: Zone, from_pcp: bool
) -> PagesAllocated:
    """Return the event of 2**order frames handed out from a zone."""
    event = _blank(PagesAllocated)
    _pfn(event, pfn)
    _order(event, order)
    _gfp(event, gfp)
    _migratetype(event, migratetype)
    _node(event, zone.node)
    _zone(event, zone.name)
    _from_pcp(event, from_pcp)
    return event


def pages_freed(pfn: int, order: int, zone: Zone, to_pcp: bool) -> PagesFreed:
    """Return the event of 2**order frames come back to a zone."""
    event = _blank(PagesFreed)
    _freed_pfn(event, pfn)
    _freed_order(event, order)
    _freed_node(event, zone.node)
    _freed_zone(event, zone.name)
    _to_pcp(event, to_pcp)
    return event
