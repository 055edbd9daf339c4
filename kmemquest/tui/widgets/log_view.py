"""The kernel log, exactly as the kernel prints it, up to the moment shown.

A line that is wider than the screen goes on in the next row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len

from kmemquest.i18n import _
from kmemquest.tui.model import LogRow
from kmemquest.tui.widgets.folding import FoldedRows, fold
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row, fit

if TYPE_CHECKING:
    from textual.events import Resize

HANG = 3
"""Cells by which a line that goes on lies further in."""


class LogView(LineView, can_focus=True):
    """A growing and shrinking log; lines of reports carry a mark beside their colour."""

    HELP = "log"
    FOLDS: ClassVar[bool] = True
    """Whether a long line goes on in the next row; if not, a mark tells that there is more."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._log: Sequence[LogRow] = ()
        self._length = 0
        self._fresh = 0
        self._folded = FoldedRows(())
        self._folded_for = -1

    def load(self, log: Sequence[LogRow]) -> None:
        """Take the whole log; `show_until` says how much of it was printed."""
        self._log = log
        self._length = self._fresh = 0
        self._fold()
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
            start = min(bottom, self._folded.first(length - fresh)) if fresh else bottom
            self.scroll_to(y=max(0, start), animate=False)
        self.touch(*range(self._folded.first(max(0, first)), self._folded.first(last)))

    def show_line(self, line: int) -> None:
        """Read from a line on."""
        self.scroll_to(y=self._folded.first(line), animate=False)

    def on_resize(self, event: Resize) -> None:
        """Fold anew."""
        if self.row_width != self._folded_for:
            self._fold()
            self._strips.clear()
        super().on_resize(event)

    def _fold(self) -> None:
        self._folded_for = width = self.row_width
        room = max(HANG + 2, width - 1) if width > 0 and self.FOLDS else 1 << 16
        self._folded = FoldedRows(fold(line.text, room, room - HANG) for line in self._log)

    def row_count(self) -> int:
        """The rows of what was printed."""
        return max(1, self._folded.first(self._length))

    def draw_row(self, index: int, row: Row) -> None:
        """One line of the log."""
        if not self._length:
            row.add(_(" the kernel log is empty so far"), self.inks["quiet"])
            return
        number, start, end = self._folded.part(index)
        line = self._log[number]
        text = line.text[start:end]
        if cell_len(text) > row.width - 1:
            text = fit(text, row.width - 1, self.glyphs.ellipsis)
        tone = "bad" if line.grave else "plain"
        if start:
            row.add(f"{self.glyphs.ellipsis:>{HANG + 1}}", self.inks["quiet"])
            row.add(text, self.inks[tone])
            return
        new = number >= self._length - self._fresh
        row.add(self.glyphs.pointer if new else " ", self.inks["accent"])
        stamp, bracket, rest = text.partition("]")
        if bracket and stamp.startswith("["):
            row.add(stamp + bracket, self.inks["quiet"]).add(rest, self.inks[tone])
        else:
            row.add(text, self.inks[tone])
