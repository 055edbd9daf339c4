"""The base of everything that draws rows: line API, strip cache, regions instead of repaints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kmemquest.tui.widgets.row import Row

if TYPE_CHECKING:
    from textual.events import Resize

    from kmemquest.tui.app import GameApp
    from kmemquest.tui.glyphs import Glyphs
    from kmemquest.tui.inks import Inks


MAX_STRIPS = 1024
"""Drawn rows kept per widget."""


class LineView(ScrollView, can_focus=False):
    """Rows drawn one by one when they are visible.

    A subclass says how many rows there are (`row_count`) and draws one (`draw_row`). Drawn rows
    are kept until `touch` or `touch_all` says that they changed.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LineView {
        height: 1fr;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        overflow-x: hidden;
    }
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._strips: dict[int, Strip] = {}
        self._strips_width = -1

    # --- for subclasses ---------------------------------------------------------------------

    def row_count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def draw_row(self, index: int, row: Row) -> None:
        """Write row `index` into `row`."""
        raise NotImplementedError

    @property
    def game(self) -> GameApp:
        """The game this widget belongs to."""
        from kmemquest.tui.app import GameApp

        app = self.app
        assert isinstance(app, GameApp)
        return app

    @property
    def glyphs(self) -> Glyphs:
        """The glyph set in force."""
        return self.game.glyphs

    @property
    def inks(self) -> Inks:
        """The styles of the theme in force."""
        return self.game.inks

    # --- what changed -----------------------------------------------------------------------

    def touch(self, *rows: int) -> None:
        """Draw these rows anew; of a visible one only the cells that differ are written."""
        top = self.scroll_offset.y
        height, width = self.size.height, self.row_width
        for row in rows:
            before = self._strips.pop(row, None)
            if not top <= row < top + height:
                continue
            if before is None or width != self._strips_width:
                self.refresh(Region(0, row - top, self.size.width, 1))
                continue
            after = self._strips[row] = self._draw(row)
            start, end = _difference(before, after)
            if start < end:
                self.refresh(Region(start, row - top, end - start, 1))

    def touch_all(self) -> None:
        """Draw everything anew, and count the rows again."""
        top = self.scroll_offset.y
        shown = range(top, top + self.size.height)
        self._strips = {row: strip for row, strip in self._strips.items() if row in shown}
        self._measure()
        if self.scroll_offset.y == top and self._strips:
            self.touch(*shown)
        else:
            self._strips.clear()
            self.refresh()

    def show_row(self, row: int, context: int = 0) -> None:
        """Scroll at once, and as little as needed, until a row is visible."""
        top = self.scroll_offset.y
        height = max(1, self.size.height)
        if row - context < top:
            self.scroll_to(y=max(0, row - context), animate=False)
        elif row + context >= top + height:
            self.scroll_to(y=row + context - height + 1, animate=False)

    # --- Textual ----------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Know the size of the contents before the first frame."""
        self._measure()

    def on_resize(self, _event: Resize) -> None:
        """A new width means new strips."""
        self._measure()

    def notify_style_update(self) -> None:
        """A theme change means new strips."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """One visible line, from the cache if it did not change."""
        width = self.row_width
        if width != self._strips_width:
            self._strips.clear()
            self._strips_width = width
        index = y + self.scroll_offset.y
        strip = self._strips.get(index)
        if strip is None:
            if len(self._strips) > MAX_STRIPS:
                self._strips.clear()
            strip = self._strips[index] = self._draw(index)
        return strip

    @property
    def row_width(self) -> int:
        """Cells of a row: a scroll bar, where there is one, takes its own."""
        return self.scrollable_content_region.width

    def _draw(self, index: int) -> Strip:
        """A row as it is now; blank beyond the last."""
        width, base = self.row_width, self.base_style
        if not 0 <= index < self.row_count():
            return Strip.blank(width, base)
        row = Row(width, base)
        self.draw_row(index, row)
        return row.strip()

    @property
    def base_style(self) -> Style:
        """The style under everything that a row writes."""
        return self.rich_style

    def _measure(self) -> None:
        size = Size(max(1, self.size.width), self.row_count())
        if size != self.virtual_size:
            self.virtual_size = size


def _difference(before: Strip, after: Strip) -> tuple[int, int]:
    """The cells [start, end) outside of which two strips are the same."""
    old, new = list(before), list(after)
    shared = min(len(old), len(new))
    head = 0
    while head < shared and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shared - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if head == len(old) == len(new):
        return 0, 0
    start = sum(segment.cell_length for segment in new[:head])
    end = after.cell_length - sum(segment.cell_length for segment in new[len(new) - tail :])
    # Borders of segments are borders of characters: a cell more would cut a wide one in two.
    return start, end
