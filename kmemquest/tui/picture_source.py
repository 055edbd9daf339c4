"""The machine at one step as the panes see it: the level room's views in drawing terms."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from kmemquest.i18n import _
from kmemquest.tui.model import FrameState, FreeLists, SlabRow, Table, TableRow, ZoneRow, ZoneSpan

if TYPE_CHECKING:
    from kmemquest.level.recording import Recording
    from kmemquest.level.views import StepViews

MAX_SLABS = 40
_NEW, _JUST_TAKEN, _JUST_FREED = 2, 3, 4
"""Cells of `kmemquest.level.views.slabs` beyond free and used."""
_CELLS = bytes((0, 1, 2, 2, 3))


def zone_spans(recording: Recording) -> tuple[ZoneSpan, ...]:
    """The zones of a recording, or the RAM ranges while only memblock knows them."""
    picture = recording.picture
    later = recording.picture_after
    zones = picture.zones or (later.zones if later is not None else ())
    if zones:
        nodes = len({zone.node for zone in zones})
        return tuple(
            ZoneSpan(
                f"Node {zone.node}, zone {zone.name}" if nodes > 1 else f"zone {zone.name}",
                zone.start_pfn,
                zone.end_pfn,
            )
            for zone in zones
            if zone.start_pfn < zone.end_pfn
        )
    return tuple(ZoneSpan("RAM", base >> 12, end >> 12) for base, end in picture.memory)


class StepFrames:
    """The page frames at a step."""

    def __init__(self, views: StepViews, spans: tuple[ZoneSpan, ...]) -> None:
        self._views = views
        self._frames = views.frames.frames
        self.spans = spans
        self.end = len(self._frames)
        self._mine, touched = _object_frames(views)
        pages = tuple((pfn, pfn + count) for pfn, count in views.frames.changed)
        self.changed = (*touched, *pages)

    def states(self, start: int, end: int) -> bytes:
        """One state per frame; the level room's classes are the same numbers.

        A frame of a slab in which an object of the driver lies is the driver's.
        """
        states = self._frames[start:end].ljust(end - start, b"\0")
        first = bisect_left(self._mine, start)
        last = bisect_left(self._mine, end)
        if first == last:
            return states
        marked = bytearray(states)
        for pfn in self._mine[first:last]:
            if marked[pfn - start] == FrameState.SLAB:
                marked[pfn - start] = FrameState.YOURS
        return bytes(marked)

    def words(self, pfn: int) -> str:
        """Address, use, zone, and the slab that the frame belongs to."""
        from kmemquest.level.views.frame_map import portray

        if not 0 <= pfn < self.end:
            return ""
        words = portray(self._frames[pfn]).words
        for cache in self._views.slabs.caches:
            for slab in cache.slabs:
                if slab.pfn <= pfn < slab.pfn + (1 << slab.order):
                    words = _("slab of {cache}, order {order}").format(
                        cache=cache.name, order=slab.order
                    )
                    if pfn in self._mine:
                        words += " · " + _("holds objects of your driver")
        zone = next((span.name for span in self.spans if span.start <= pfn < span.end), "")
        return f"pfn 0x{pfn:05x} · phys 0x{pfn << 12:x} · {zone} · {words}"


def _object_frames(views: StepViews) -> tuple[list[int], list[tuple[int, int]]]:
    """The frames that hold objects of the driver, sorted, and those whose objects just changed."""
    mine: set[int] = set()
    changed: list[tuple[int, int]] = []
    for cache in views.slabs.touched():
        for slab in cache.slabs:
            for index, cell in enumerate(slab.cells):
                if cell < _NEW:
                    continue
                first = slab.pfn + (index * cache.size >> 12)
                last = slab.pfn + ((index + 1) * cache.size - 1 >> 12)
                if cell in (_JUST_TAKEN, _JUST_FREED):
                    changed.append((first, last + 1))
                if cell != _JUST_FREED:
                    mine.update(range(first, last + 1))
    return sorted(mine), changed


class StepPicture:
    """All panes at a step, each worked out when it is looked at."""

    def __init__(self, views: StepViews, spans: tuple[ZoneSpan, ...]) -> None:
        self._views = views
        self._spans = spans

    @cached_property
    def frames(self) -> StepFrames:
        """The frame map."""
        return StepFrames(self._views, self._spans)

    @property
    def lists(self) -> Sequence[FreeLists]:
        """Free blocks per zone, all migratetypes together, as /proc/buddyinfo has them."""
        view = self._views.lists
        pcp = {(row.node, row.zone): row.pcp for row in self._views.zones.rows}
        zones = view.zones()
        several = len({node for node, _zone in zones}) > 1
        rows = []
        for node, zone in zones:
            row = view.zone(node, zone)
            before = tuple(
                count - delta for count, delta in zip(row.counts, row.deltas, strict=True)
            )
            name = f"Node {node}, zone {zone}" if several else f"zone {zone}"
            rows.append(FreeLists(name, row.counts, before, pcp.get((node, zone), 0)))
        return rows

    @property
    def slabs(self) -> Sequence[SlabRow]:
        """Slabs that hold objects of the driver, or changed in this step."""
        rows = []
        for cache in self._views.slabs.touched():
            for slab in cache.slabs:
                changed = tuple(
                    index
                    for index, cell in enumerate(slab.cells)
                    if cell in (_JUST_TAKEN, _JUST_FREED)
                )
                if changed or _NEW in slab.cells:
                    cells = bytes(_CELLS[cell] for cell in slab.cells)
                    rows.append(
                        SlabRow(cache.name, slab.pfn, slab.order, cache.size, cells, changed)
                    )
        rows.sort(key=lambda row: not row.changed)
        return rows[:MAX_SLABS]

    @property
    def zones(self) -> Sequence[ZoneRow]:
        """Zones against their watermarks."""
        rows = self._views.zones.rows
        several = len({row.node for row in rows}) > 1
        return [
            ZoneRow(
                f"Node {row.node}, zone {row.zone}" if several else f"zone {row.zone}",
                row.free,
                row.low_mark,
                row.min_mark,
                row.high_mark,
                row.managed,
            )
            for row in rows
        ]

    @property
    def vmalloc(self) -> Table:
        """Areas of the vmalloc window, the attempt's own first."""
        view = self._views.vmalloc
        new = {area.start for area in view.new}
        ordered = [*view.new, *(area for area in view.areas if area.start not in new)]
        rows = [
            TableRow(
                (
                    f"{area.start:016x}",
                    _pages_and_guard(area.start, area.end, area.pages),
                    area.kind if area.state == "live" else _("freed"),
                    area.caller.partition("+")[0],
                ),
                "accent" if area.start in new else "quiet",
                area.changed,
            )
            for area in ordered
        ]
        columns = (_("start"), _("pages"), _("kind"), _("caller"))
        return Table(columns, tuple(rows), _("The vmalloc window is empty."))

    @property
    def dma(self) -> Table:
        """Device masks, live mappings, the last transfers."""
        view = self._views.dma
        rows = [
            TableRow(
                (
                    device.device,
                    _("mask"),
                    f"{max(device.streaming_mask, device.coherent_mask):#x}",
                    "",
                    _reach(max(device.streaming_mask, device.coherent_mask)),
                ),
                "link",
            )
            for device in view.devices
        ]
        for mapping in view.mappings:
            owner = {"cpu": _("CPU owns"), "device": _("device owns")}.get(
                mapping.owner, _("shared")
            )
            rows.append(
                TableRow(
                    (
                        mapping.device,
                        _("bounced") if mapping.bounced else mapping.kind,
                        f"{mapping.handle:#x}",
                        f"{mapping.size:,}",
                        owner,
                    ),
                    "warn" if mapping.bounced else "plain",
                    mapping.changed,
                )
            )
        for device_name, handle, size, wrote, reached in view.transfers:
            what = _("device wrote") if wrote else _("device read")
            came = _("arrived") if reached else _("went nowhere")
            tone = "quiet" if reached else "bad"
            rows.append(TableRow((device_name, what, f"{handle:#x}", f"{size:,}", came), tone))
        columns = (_("device"), _("kind"), _("address"), _("bytes"), _("state"))
        return Table(columns, tuple(rows), _("The driver has set up no DMA yet."))

    @property
    def calls(self) -> Table:
        """The driver's calls with results and costs."""
        from kmemquest.level.call_words import word_call, word_value
        from kmemquest.level.goals_memory import duration

        rows = [
            TableRow(
                (
                    str(call.line or ""),
                    word_call(call.function, call.arguments),
                    "…" if call.result is None else word_value(call.result),
                    duration(call.cost) if call.result is not None else "",
                ),
                "plain" if call.changed else "quiet",
            )
            for call in self._views.calls.calls
        ]
        columns = (_("line"), _("call"), _("result"), _("cost"))
        return Table(columns, tuple(reversed(rows)), _("The driver has called nothing yet."))


def _reach(mask: int) -> str:
    """How far a mask reaches, in words; nothing for none or all of 64 bits."""
    end = mask + 1
    if not mask or end >> 48:
        return ""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")):
        if end >= unit:
            return _("first {size} {unit}").format(size=end // unit, unit=name)
    return ""


def _pages_and_guard(start: int, end: int, pages: int) -> str:
    """Pages that are backed, and those beyond them that are not: the guard."""
    guard = (end - start >> 12) - pages
    if not pages:
        return str(guard)
    return f"{pages}+{guard}" if guard else str(pages)
