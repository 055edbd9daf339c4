"""The smaller panes beside the frame map: free lists, slabs, zones, and plain tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from kmemquest.i18n import _
from kmemquest.tui.model import FreeLists, SlabRow, Table, TableRow, ZoneRow
from kmemquest.tui.portray import portray_cell, portray_zone
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row

ORDERS = 11


class FreeListPane(LineView, can_focus=True):
    """The buddy lists: per zone the number of free blocks of every order, and which way it went."""

    HELP = "lists"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._lists: tuple[FreeLists, ...] = ()

    def show(self, lists: Sequence[FreeLists]) -> None:
        """Show another moment."""
        new = tuple(lists)
        if new != self._lists:
            self._lists = new
            self.touch_all()

    def row_count(self) -> int:
        """Per zone: a heading, the orders, the counts, a bar, a blank."""
        return max(1, len(self._lists) * 5)

    def draw_row(self, index: int, row: Row) -> None:
        """One line of a zone's block."""
        if not self._lists:
            row.add(_("No zones yet: the buddy system takes over later."), self.inks["quiet"])
            return
        zone = self._lists[index // 5]
        label = 7
        width = max(3, min(6, (row.width - label) // ORDERS))
        before = zone.before or zone.counts
        match index % 5:
            case 0:
                row.add(zone.zone, self.inks["strong"])
                if zone.pcp:
                    words = _("{pages} pages on per-CPU lists").format(pages=zone.pcp)
                    row.add(f"  {words}", self.inks["quiet"])
            case 1:
                row.column(_("order"), label, self.inks["quiet"])
                for order in range(ORDERS):
                    row.add(str(order).rjust(width), self.inks["quiet"])
            case 2:
                row.column(_("free"), label, self.inks["quiet"])
                for count, old in zip(zone.counts, before, strict=False):
                    self._draw_count(row, count, old, width)
            case 3:
                row.add(" " * label)
                largest = max(zone.counts, default=0) or 1
                for count in zone.counts:
                    row.add(self._bar(count, largest).rjust(width), self.inks["frame-slab"])
            case _:
                pass

    def _draw_count(self, row: Row, count: int, old: int, width: int) -> None:
        mark = ""
        tone = "plain" if count else "quiet"
        if count < old:
            mark, tone = self.glyphs.down, "glow"
        elif count > old:
            mark, tone = self.glyphs.up, "glow"
        text = f"{mark}{count}" if cell_len(f"{mark}{count}") <= width - 1 else _short(count)
        if mark and not text.startswith(mark):
            text = mark + text[-(width - 2) :] if len(text) >= width - 1 else mark + text
        row.add(text.rjust(width), self.inks[tone])

    def _bar(self, count: int, largest: int) -> str:
        """A bar one cell high whose shade grows with the count."""
        if not count:
            return " "
        if self.glyphs.name == "ascii":
            return ".:#"[min(2, count * 3 // (largest + 1))]
        return "▁▂▃▄▅▆▇█"[min(7, count * 8 // (largest + 1))]


def _short(count: int) -> str:
    """A count in at most three characters: 999, 12k."""
    return str(count) if count < 1000 else f"{count // 1000}k"


class SlabPane(LineView, can_focus=True):
    """Slabs the driver has to do with: a cell per object."""

    HELP = "slabs"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._slabs: tuple[SlabRow, ...] = ()

    def show(self, slabs: Sequence[SlabRow]) -> None:
        """Show another moment."""
        new = tuple(slabs)
        if new != self._slabs:
            self._slabs = new
            self.touch_all()

    def row_count(self) -> int:
        """Two lines per slab."""
        return max(1, len(self._slabs) * 2)

    def draw_row(self, index: int, row: Row) -> None:
        """A slab's heading or its cells."""
        if not self._slabs:
            row.add(_("The driver has not touched a slab yet."), self.inks["quiet"])
            return
        slab = self._slabs[index // 2]
        if index % 2 == 0:
            row.add(slab.cache, self.inks["strong"])
            words = _("slab 0x{pfn:05x} order {order}").format(pfn=slab.pfn, order=slab.order)
            row.add(f"  {words}", self.inks["quiet"])
            row.right(f"{slab.size} B ", self.inks["quiet"])
            return
        row.add("  ")
        room = row.width - 13
        cells = slab.cells
        start = 0
        if len(cells) > room and slab.changed:
            start = min(max(0, slab.changed[0] - room // 2), len(cells) - room)
        row.add(self.glyphs.ellipsis if start else "", self.inks["quiet"])
        for number in range(start, min(len(cells), start + room)):
            portrait = portray_cell(cells[number], self.glyphs)
            style = self.inks[portrait.tone]
            if number in slab.changed:
                style += self.inks.changed
            row.add(portrait.glyph, style)
        if start + room < len(cells):
            row.add(self.glyphs.ellipsis, self.inks["quiet"])
        used = sum(1 for cell in cells if cell in (1, 2))
        row.add(f"  {used}/{len(cells)}", self.inks["quiet"])


class ZonePane(LineView, can_focus=True):
    """Zones with their free pages against min, low and high."""

    HELP = "zones"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._zones: tuple[ZoneRow, ...] = ()

    def show(self, zones: Sequence[ZoneRow]) -> None:
        """Show another moment."""
        new = tuple(zones)
        if new != self._zones:
            self._zones = new
            self.touch_all()

    def row_count(self) -> int:
        """Five lines per zone."""
        return max(1, len(self._zones) * 5)

    def draw_row(self, index: int, row: Row) -> None:
        """A line of a zone's block."""
        if not self._zones:
            row.add(_("No zones yet: memblock still owns the memory."), self.inks["quiet"])
            return
        zone = self._zones[index // 5]
        portrait = portray_zone(zone, self.glyphs)
        match index % 5:
            case 0:
                row.add(zone.name, self.inks["strong"]).add("  ")
                row.add(f"{portrait.glyph} {portrait.words}", self.inks[portrait.tone])
            case 1:
                self._draw_bar(zone, row, portrait.tone)
            case 2:
                words = _("free {free} of {managed} pages").format(
                    free=f"{zone.free:,}", managed=f"{zone.managed:,}"
                )
                row.add(words, self.inks["plain"])
            case 3:
                marks = f"min {zone.minimum:,}  low {zone.low:,}  high {zone.high:,}"
                row.add(marks, self.inks["quiet"])
            case _:
                pass

    def _draw_bar(self, zone: ZoneRow, row: Row, tone: str) -> None:
        """Free pages on a scale of four times the high mark, since that is where it gets tight."""
        width = max(8, row.width - 2)
        scale = max(1, zone.high * 4)
        filled = min(width, zone.free * width // scale)
        places = {zone.minimum * width // scale, zone.low * width // scale}
        places.add(zone.high * width // scale)
        for cell in range(width):
            if cell in places:
                row.add(self.glyphs.column, self.inks["strong"])
            elif cell < filled:
                row.add(self.glyphs.fill, self.inks[tone])
            else:
                row.add(self.glyphs.empty, self.inks["line"])


class TablePane(LineView, can_focus=True):
    """A plain table: vmalloc areas, DMA mappings, the driver's calls."""

    HELP = "table"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._table = Table((), ())
        self._widths: tuple[int, ...] = ()

    def show(self, table: Table) -> None:
        """Show another moment; the last changed row is scrolled into view."""
        if table == self._table:
            return
        self._table = table
        columns = len(table.columns)
        texts = [table.columns, *(row.cells for row in table.rows)]
        self._widths = tuple(
            max((cell_len(cells[column]) for cells in texts if column < len(cells)), default=0) + 2
            for column in range(columns)
        )
        self.touch_all()
        changed = [number for number, row in enumerate(table.rows) if row.changed]
        if changed:
            self.call_after_refresh(self.show_row, changed[-1] + 1)

    def row_count(self) -> int:
        """The heading and the rows."""
        return 1 + max(1, len(self._table.rows))

    def draw_row(self, index: int, row: Row) -> None:
        """The heading, a row, or the words for none."""
        if not self._table.rows:
            if index == 0:
                row.add(self._table.empty, self.inks["quiet"])
            return
        if index == 0:
            self._draw_cells(row, TableRow(self._table.columns, "quiet"))
            return
        self._draw_cells(row, self._table.rows[index - 1])

    def _draw_cells(self, row: Row, cells: TableRow) -> None:
        style = self.inks[cells.tone]
        if cells.changed:
            style += self.inks.changed
        for text, width in zip(cells.cells, self._widths, strict=False):
            row.column(text, width, style)
