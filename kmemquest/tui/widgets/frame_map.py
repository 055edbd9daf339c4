"""The map of page frames: one cell per frame or per 2^n frames, any number of them.

Nothing here is proportional to the machine: a row asks for the states of its own stretch when it
is drawn, and only visible rows are drawn.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Offset, Region
from textual.message import Message

from kmemquest.i18n import _
from kmemquest.tui.model import Frames, FrameState
from kmemquest.tui.portray import portray_frame
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row

if TYPE_CHECKING:
    from textual.events import Click, Resize

LABEL = 9
"""Cells before the first frame of a row: `0x02680 `."""
ZOOMS = (1, 4, 16, 64, 256, 1024)
"""Frames per cell."""
_PRIORITY = (FrameState.YOURS, FrameState.DMA)
"""States that show in a cell of many frames even when they are few."""


@dataclass(frozen=True, slots=True)
class _Band:
    """The rows of one zone: a heading at `top`, then its frames."""

    top: int
    name: str
    start: int
    end: int


class FrameMap(LineView, can_focus=True):
    """Page frames by address, with a cursor, zoom, and the frames that the step touched marked."""

    HELP = "frame-map"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "cursor(-1, 0)", show=False),
        Binding("right", "cursor(1, 0)", show=False),
        Binding("up", "cursor(0, -1)", show=False),
        Binding("down", "cursor(0, 1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "edge(-1)", show=False),
        Binding("end", "edge(1)", show=False),
        Binding("plus,equals_sign", "zoom(-1)", show=False),
        Binding("minus", "zoom(1)", show=False),
    ]

    class Pointed(Message):
        """The cursor is on another frame; `words` tells all about it."""

        def __init__(self, widget: FrameMap, pfn: int, words: str) -> None:
            super().__init__()
            self.widget = widget
            self.pfn = pfn
            self.words = words

        @property
        def control(self) -> FrameMap:
            """The map."""
            return self.widget

    class Viewed(Message):
        """Another stretch is in view: its first zone, and the states that can be seen."""

        def __init__(self, widget: FrameMap, zone: str, states: bytes) -> None:
            super().__init__()
            self.widget = widget
            self.zone = zone
            self.states = states

        @property
        def control(self) -> FrameMap:
            """The map."""
            return self.widget

        def can_replace(self, message: Message) -> bool:
            """Only the last view matters."""
            return isinstance(message, FrameMap.Viewed)

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._frames: Frames | None = None
        self._viewed: tuple[str, bytes] = ("", b"")
        self._bands: list[_Band] = []
        self._tops: list[int] = []
        self._rows = 0
        self._zoom = 0
        self._columns = 32
        self.cursor = 0
        """The frame under the cursor."""

    @property
    def frames_per_cell(self) -> int:
        """How many frames one cell stands for."""
        return ZOOMS[self._zoom]

    def show(self, frames: Frames) -> None:
        """Show another moment; rows that neither changed before nor change now stay as drawn."""
        before = self._frames
        self._frames = frames
        if frames.changed:
            self._strips.pop(self.row_of(self.cursor), None)
            self.cursor = frames.changed[0][0]
        if before is None or before.spans != frames.spans:
            self._lay_out()
            self.touch_all()
        else:
            rows: set[int] = set()
            for start, end in (*before.changed, *frames.changed):
                rows.update(range(self.row_of(start), self.row_of(max(start, end - 1)) + 1))
            self.touch(*rows)
        if frames.changed or before is None:
            self.show_row(self.row_of(self.cursor), context=2)
        self._tell()
        self._tell_view()

    def forget(self) -> None:
        """Draw all rows anew with the next `show`: the moment is far from the last."""
        self._strips.clear()
        self.refresh()

    # --- geometry -----------------------------------------------------------------------------

    def _lay_out(self) -> None:
        frames = self._frames
        if frames is None:
            return
        room = max(8, self.size.width - LABEL)
        self._columns = 1 << (room.bit_length() - 1)
        per_row = self._columns * self.frames_per_cell
        self._bands = []
        top = 0
        for span in frames.spans:
            self._bands.append(_Band(top, span.name, span.start, span.end))
            first = span.start // per_row
            last = (span.end - 1) // per_row
            top += 1 + last - first + 1
        self._rows = top
        self._tops = [band.top for band in self._bands]

    def row_of(self, pfn: int) -> int:
        """The row that shows a frame."""
        per_row = self._columns * self.frames_per_cell
        row = 0
        for band in self._bands:
            if band.start <= pfn:
                frame = min(pfn, band.end - 1)
                row = band.top + 1 + frame // per_row - band.start // per_row
        return row

    def row_count(self) -> int:
        """Rows of all zones with their headings."""
        return self._rows

    def _stretch(self, index: int) -> tuple[_Band, int]:
        """The band of a row and the first frame of the row's first cell (-1 for a heading)."""
        band = self._bands[bisect_right(self._tops, index) - 1]
        if index == band.top:
            return band, -1
        per_row = self._columns * self.frames_per_cell
        return band, (band.start // per_row + index - band.top - 1) * per_row

    # --- drawing ------------------------------------------------------------------------------

    def draw_row(self, index: int, row: Row) -> None:
        """A zone's heading, or the cells of a stretch of frames."""
        frames = self._frames
        if frames is None:
            return
        band, start = self._stretch(index)
        if start < 0:
            self._draw_heading(band, row)
            return
        row.add(f"0x{start:05x}".ljust(LABEL - 1)[: LABEL - 1] + " ", self.inks["quiet"])
        per_cell = self.frames_per_cell
        low = max(start, band.start)
        high = min(start + self._columns * per_cell, band.end)
        states = frames.states(low, high)
        changed = [(a, b) for a, b in frames.changed if a < high and b > low]
        cursor = self.cursor if self.has_focus else -1
        run = ""
        look: tuple[int, bool, bool] | None = None
        for cell in range(self._columns):
            first = start + cell * per_cell
            last = first + per_cell
            if last <= low or first >= high:
                state, marked = int(FrameState.HOLE), False
            else:
                state = _state_of(states[max(0, first - low) : last - low])
                marked = any(a < last and b > first for a, b in changed)
            here = first <= cursor < last
            key = (state, marked, here)
            if key != look:
                self._flush(row, run, look)
                run, look = "", key
            run += self.glyphs.frames[state]
        self._flush(row, run, look)

    def _flush(self, row: Row, run: str, look: tuple[int, bool, bool] | None) -> None:
        if look is None:
            return
        state, marked, here = look
        style = self.inks[portray_frame(state, self.glyphs).tone]
        if marked:
            style += self.inks["glow"] + self.inks.changed
        if here:
            style += self.inks["accent"] + self.inks.changed
        row.add(run, style)

    def _draw_heading(self, band: _Band, row: Row) -> None:
        pages = band.end - band.start
        row.add(f"{band.name} ", self.inks["strong"])
        row.add(_("{count} frames").format(count=f"{pages:,}"), self.inks["quiet"])
        if self.frames_per_cell > 1:
            row.add(" · ", self.inks["line"])
            words = _("{count} per cell").format(count=self.frames_per_cell)
            row.add(words, self.inks["quiet"])

    # --- what is in view ----------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Another stretch came into view."""
        super().watch_scroll_y(old_value, new_value)
        self._tell_view()

    def _tell_view(self) -> None:
        """Post which zone and states can be seen, if they are others than before."""
        frames = self._frames
        if frames is None or not self._bands or not self.is_mounted:
            return
        top = min(self.scroll_offset.y, max(0, self._rows - 1))
        bottom = min(self._rows, top + max(1, self.size.height))
        band, start = self._stretch(top)
        _last_band, end = self._stretch(bottom - 1)
        start = max(start, band.start)
        end = max(end, start) + self._columns * self.frames_per_cell
        seen = frames.states(start, min(end, frames.end))
        # Sixteen look-ups in C are quicker than a set of a million frames.
        states = bytes(state for state in FrameState if bytes((state,)) in seen)
        if (band.name, states) != self._viewed:
            self._viewed = (band.name, states)
            self.post_message(self.Viewed(self, band.name, states))

    # --- moving -------------------------------------------------------------------------------

    def on_resize(self, event: Resize) -> None:
        """Another width shows another number of frames per row."""
        self._lay_out()
        self._strips.clear()
        super().on_resize(event)
        if self._frames is not None:
            self.show_row(self.row_of(self.cursor), context=2)
            self._tell_view()

    def on_focus(self) -> None:
        """Show the cursor; Textual repaints a widget that gets or loses the focus."""
        self._strips.pop(self.row_of(self.cursor), None)
        self._tell()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self._strips.pop(self.row_of(self.cursor), None)

    def point(self, pfn: int) -> None:
        """Put the cursor on a frame and tell which."""
        frames = self._frames
        if frames is None or not self._bands:
            return
        pfn = min(max(pfn, self._bands[0].start), self._bands[-1].end - 1)
        before = self.cursor
        self.cursor = pfn
        self._touch_cell(before)
        self._touch_cell(pfn)
        self.show_row(self.row_of(pfn))
        self._tell()

    def _touch_cell(self, pfn: int) -> None:
        """Draw one cell anew: a row costs ten times the bytes."""
        row = self.row_of(pfn)
        self._strips.pop(row, None)
        column = LABEL + pfn // self.frames_per_cell % self._columns
        self.refresh(Region(column, row - self.scroll_offset.y, 1, 1))

    def _tell(self) -> None:
        if self._frames is None or not self.is_mounted:
            return
        if self.has_focus:
            top = self.row_of(self.cursor) - self.scroll_offset.y
            column = self.cursor // self.frames_per_cell % self._columns
            region = self.content_region
            # A braille display follows the hardware cursor.
            self.app.cursor_position = Offset(region.x + LABEL + column, region.y + top)
            self.post_message(self.Pointed(self, self.cursor, self._frames.words(self.cursor)))

    def action_cursor(self, columns: int, rows: int) -> None:
        """Move by cells."""
        self.point(self.cursor + (columns + rows * self._columns) * self.frames_per_cell)

    def action_page(self, direction: int) -> None:
        """Move by screens."""
        rows = direction * max(1, self.size.height - 1)
        self.point(self.cursor + rows * self._columns * self.frames_per_cell)

    def action_edge(self, direction: int) -> None:
        """Move to the first or last frame."""
        if self._frames is not None:
            self.point(0 if direction < 0 else self._frames.end - 1)

    def action_zoom(self, direction: int) -> None:
        """Show more (1) or fewer (-1) frames per cell."""
        self._zoom = min(max(self._zoom + direction, 0), len(ZOOMS) - 1)
        self._lay_out()
        self.touch_all()
        self.show_row(self.row_of(self.cursor), context=2)
        self._tell_view()

    def on_click(self, event: Click) -> None:
        """Point at the frame that was clicked."""
        index = event.y + self.scroll_offset.y
        cell = event.x - LABEL
        if 0 <= index < self._rows and 0 <= cell < self._columns:
            _band, start = self._stretch(index)
            if start >= 0:
                self.focus()
                self.point(start + cell * self.frames_per_cell)


def _state_of(chunk: bytes) -> int:
    """The state a cell shows: the rare ones that matter if present, else the most frequent."""
    kinds = set(chunk)
    if len(kinds) == 1:
        return chunk[0]
    for state in _PRIORITY:
        if state in kinds:
            return int(state)
    return max(sorted(kinds), key=chunk.count)
