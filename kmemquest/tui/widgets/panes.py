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
ROWS_PER_ZONE = 3
ROOMY = 60
"""Cells from which a pane says more per row."""


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
        """What the columns are, then per zone a heading, the counts, a bar each."""
        return 1 + max(1, len(self._lists)) * ROWS_PER_ZONE

    def draw_row(self, index: int, row: Row) -> None:
        """One line: the orders, or a part of a zone's block."""
        if not self._lists:
            if index == 0:
                row.add(_("No zones yet: the buddy system takes over later."), self.inks["quiet"])
            return
        label = cell_len(_("order")) + 1 if row.width >= ROOMY else 0
        width = max(3, min(6, (row.width - label) // ORDERS))
        if index == 0:
            row.column(_("order") if label else "", label, self.inks["quiet"])
            for order in range(ORDERS):
                row.add(str(order).rjust(width), self.inks["quiet"])
            return
        number, part = divmod(index - 1, ROWS_PER_ZONE)
        zone = self._lists[number]
        before = zone.before or zone.counts
        pairs = list(zip(zone.counts, before, strict=False))
        match part:
            case 0:
                row.add(zone.zone, self.inks["strong"])
                notes = [_("free blocks by order")] if row.width >= ROOMY or not zone.pcp else []
                if zone.pcp:
                    words = _("{pages} pages on per-CPU lists")
                    notes.append(words.format(pages=f"{zone.pcp:,}"))
                row.add(f"  {' · '.join(notes)}", self.inks["quiet"])
            case 1:
                row.add(" " * label)
                for count, old in pairs:
                    tone = "glow" if count != old else "plain" if count else "quiet"
                    text = str(count) if len(str(count)) < width else _short(count)
                    row.add(text.rjust(width), self.inks[tone])
            case _:
                self._draw_moves(row, pairs, label, width)

    def _draw_moves(
        self, row: Row, pairs: Sequence[tuple[int, int]], label: int, width: int
    ) -> None:
        """Under a count that changed, by how much; under the others, a bar."""
        row.add(" " * label)
        largest = max((count for count, _old in pairs), default=0) or 1
        for count, old in pairs:
            if count == old:
                row.add(self._bar(count, largest).rjust(width), self.inks["frame-slab"])
                continue
            mark = self.glyphs.up if count > old else self.glyphs.down
            row.add(f"{mark}{_short(abs(count - old))}".rjust(width), self.inks["glow"])

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
        """What the cells mean, then two lines per slab."""
        return 1 + len(self._slabs) * 2

    def draw_row(self, index: int, row: Row) -> None:
        """A slab's heading or its cells."""
        if not self._slabs:
            row.add(_("The driver has not touched a slab yet."), self.inks["quiet"])
            return
        if index == 0:
            for state in (2, 1, 0):
                portrait = portray_cell(state, self.glyphs)
                row.add(f"{portrait.glyph} ", self.inks[portrait.tone])
                row.add(f"{portrait.words}  ", self.inks["quiet"])
            return
        slab = self._slabs[(index - 1) // 2]
        if index % 2:
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
        """Three lines per zone, five where the width does not do."""
        return max(1, len(self._zones) * self._rows_per_zone())

    def _rows_per_zone(self) -> int:
        return 3 if self.size.width >= ROOMY else 5

    def draw_row(self, index: int, row: Row) -> None:
        """A line of a zone's block."""
        if not self._zones:
            row.add(_("No zones yet: memblock still owns the memory."), self.inks["quiet"])
            return
        number, part = divmod(index, self._rows_per_zone())
        zone = self._zones[number]
        portrait = portray_zone(zone, self.glyphs)
        match part:
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
                if row.width >= ROOMY:
                    row.add(f"  {_marks(zone)}", self.inks["quiet"])
            case 3:
                row.add(_marks(zone), self.inks["quiet"])
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


def _marks(zone: ZoneRow) -> str:
    """The watermarks by the kernel's names."""
    return f"min {zone.minimum:,}  low {zone.low:,}  high {zone.high:,}"


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
        gap = 2 if sum(self._widths) <= row.width + 1 else 1
        for text, width in zip(cells.cells, self._widths, strict=False):
            row.column(text, width - 2 + gap, style)
