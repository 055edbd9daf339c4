"""Columns over days: how much, how well, how much is coming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row

AXIS = 7
"""Cells left of the first column."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `full` of `height` is drawn solid, the rest hatched; `mark` is a level on it.

    `height` and `full` are in the unit of the axis; a negative height leaves the column out, a
    negative mark is not drawn. `label` stands below it.
    """

    height: float
    full: float
    label: str = ""
    mark: float = -1.0


class BarChart(LineView):
    """Columns with an axis; widths follow the room there is."""

    DEFAULT_CSS = """
    BarChart { height: auto; overflow: hidden; }
    """

    def __init__(
        self, columns: Sequence[Column], *, rows: int = 4, top: float = 0, unit: str = "",
        **arguments: Any,
    ) -> None:  # fmt: skip
        super().__init__(**arguments)
        self._columns = tuple(columns)
        self._rows = rows
        self._top = top or max((c.height for c in columns), default=0) or 1
        self._unit = unit

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:
        """Rows of columns, the base line, the labels."""
        del container, viewport, width
        return self._rows + 2

    def row_count(self) -> int:
        """The same."""
        return self._rows + 2

    def draw_row(self, index: int, row: Row) -> None:
        """A slice of all columns, the base line, or the labels."""
        count = max(1, len(self._columns))
        step = max(1, min(4, (row.width - AXIS - 1) // count))
        if index < self._rows:
            self._slice(self._rows - 1 - index, step, row)
        elif index == self._rows:
            row.add(" " * (AXIS - 1)).add(self.glyphs.bar_left, self.inks["line"])
            row.add(self.glyphs.rule * (step * count), self.inks["line"])
        else:
            for place, column in enumerate(self._columns):
                if column.label:
                    row.pad_to(AXIS + place * step)
                    row.add(column.label, self.inks["quiet"])

    def _slice(self, level: int, step: int, row: Row) -> None:
        """The cells between two levels, counted from below."""
        label = f"{self._top:g}{self._unit}" if level == self._rows - 1 else ""
        row.add(f"{label:>{AXIS - 2}} ", self.inks["quiet"])
        row.add(self.glyphs.column, self.inks["line"])
        for column in self._columns:
            cell, tone = self._cell(column, level)
            wide = max(1, step - 1) if step > 1 else 1
            row.add(cell * wide, self.inks[tone]).add(" " * (step - wide))

    def _cell(self, column: Column, level: int) -> tuple[str, str]:
        """What a column shows at a level."""
        scale = self._rows / self._top
        height, full = column.height * scale - level, column.full * scale - level
        mark = column.mark * scale - level
        if column.mark >= 0 and 0 < mark <= 1 and full < 1:
            return self.glyphs.rule, "warn"
        if full >= 1:
            return self.glyphs.fill, "good"
        if full > 0 and height <= 1 and full >= height:
            if self.glyphs.name == "ascii":
                return self.glyphs.fill, "good"
            return _EIGHTHS[max(1, round(8 * full))], "good"
        if full >= 0.5:
            return self.glyphs.fill, "good"
        if height > 0:
            return self.glyphs.empty, "quiet"
        return " ", "plain"
