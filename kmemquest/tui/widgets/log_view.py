"""The kernel log, exactly as the kernel prints it, up to the moment shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from kmemquest.i18n import _
from kmemquest.tui.model import LogRow
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row, fit


class LogView(LineView, can_focus=True):
    """A growing and shrinking log; lines of reports carry a mark beside their colour."""

    HELP = "log"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._log: Sequence[LogRow] = ()
        self._length = 0
        self._fresh = 0

    def load(self, log: Sequence[LogRow]) -> None:
        """Take the whole log; `show_until` says how much of it was printed."""
        self._log = log
        self._length = self._fresh = 0
        self.touch_all()

    def show_until(self, length: int, fresh: int = 0) -> None:
        """Show the first `length` lines; the last `fresh` of them are new in this step."""
        if length == self._length and fresh == self._fresh:
            return
        first = min(self._length - self._fresh, length - fresh, self._length, length)
        last = max(self._length, length)
        grew = length != self._length
        self._length = length
        self._fresh = fresh
        if grew:
            self._measure()
            # A long report is read from its headline on.
            bottom = self.row_count() - self.size.height
            start = min(bottom, length - fresh) if fresh else bottom
            self.scroll_to(y=max(0, start), animate=False)
        self.touch(*range(max(0, first), last))

    def row_count(self) -> int:
        """As many as were printed."""
        return max(1, self._length)

    def draw_row(self, index: int, row: Row) -> None:
        """One line of the log."""
        if not self._length:
            row.add(_(" the kernel log is empty so far"), self.inks["quiet"])
            return
        line = self._log[index]
        new = index >= self._length - self._fresh
        row.add(self.glyphs.pointer if new else " ", self.inks["accent"])
        text = line.text
        if cell_len(text) > row.width - 1:
            text = fit(text, row.width - 1, self.glyphs.ellipsis)
        stamp, bracket, rest = text.partition("]")
        tone = "bad" if line.grave else "plain"
        if bracket and stamp.startswith("["):
            row.add(stamp + bracket, self.inks["quiet"]).add(rest, self.inks[tone])
        else:
            row.add(text, self.inks[tone])
