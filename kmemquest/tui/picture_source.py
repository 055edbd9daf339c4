"""The machine at one step as the panes see it: the level room's views in drawing terms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from kmemquest.i18n import _
from kmemquest.tui.model import FreeLists, SlabRow, Table, TableRow, ZoneRow, ZoneSpan

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
        self.changed = tuple((pfn, pfn + count) for pfn, count in views.frames.changed)

    def states(self, start: int, end: int) -> bytes:
        """One state per frame; the level room's classes are the same numbers."""
        return self._frames[start:end].ljust(end - start, b"\0")

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
        zone = next((span.name for span in self.spans if span.start <= pfn < span.end), "")
        return f"pfn 0x{pfn:05x} · phys 0x{pfn << 12:x} · {zone} · {words}"


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
                    f"{area.end - area.start:,}",
                    area.kind,
                    area.caller,
                    _("live") if area.state == "live" else _("freed, not purged"),
                ),
                "accent" if area.start in new else "quiet",
                area.changed,
            )
            for area in ordered
        ]
        columns = (_("start"), _("bytes"), _("kind"), _("caller"), _("state"))
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
                    "",
                ),
                "link",
            )
            for device in view.devices
        ]
        for mapping in view.mappings:
            owner = {"cpu": _("CPU's turn"), "device": _("device's turn")}.get(
                mapping.owner, _("both may")
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
        from kmemquest.level.goals_memory import duration

        rows = [
            TableRow(
                (
                    str(call.line or ""),
                    f"{call.function}({', '.join(map(_argument, call.arguments))})",
                    "…" if call.result is None else _argument(call.result),
                    duration(call.cost) if call.result is not None else "",
                ),
                "plain" if call.changed else "quiet",
            )
            for call in self._views.calls.calls
        ]
        columns = (_("line"), _("call"), _("result"), _("cost"))
        return Table(columns, tuple(reversed(rows)), _("The driver has called nothing yet."))


def _argument(value: int) -> str:
    """A 64-bit value as a reader would write it: small numbers decimal, addresses hexadecimal."""
    if value >= 1 << 63 and value > (1 << 64) - 4096:
        return str(value - (1 << 64))
    return str(value) if value < 1 << 16 else f"{value:#x}"
