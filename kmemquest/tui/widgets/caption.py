"""One-line captions: the head of a screen, the rule above a part, the tabs above a pane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual.message import Message

from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row, fit

if TYPE_CHECKING:
    from textual.events import Click


class Head(LineView):
    """The first line of a screen: where one is, and facts at the right edge."""

    DEFAULT_CSS = """
    Head { height: 1; background: $panel; overflow: hidden; }
    """

    def __init__(self, left: str = "", right: str = "", **arguments: Any) -> None:
        super().__init__(**arguments)
        self._left = left
        self._right = right

    def show(self, left: str, right: str = "") -> None:
        """Show other words."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.touch_all()

    @property
    def text(self) -> str:
        """Both parts."""
        return f"{self._left} {self._right}"

    def row_count(self) -> int:
        """One."""
        return 1

    def draw_row(self, index: int, row: Row) -> None:
        """Left part, right part."""
        del index  # there is only one row
        left = fit(self._left, min(cell_len(self._left), row.width - 2), self.glyphs.ellipsis)
        room = max(0, row.width - cell_len(left) - 5)
        right = fit(self._right, min(cell_len(self._right), room), self.glyphs.ellipsis)
        row.add(f" {left}", self.inks["title"]).right(f"{right} ", self.inks["quiet"])


class Rule(LineView):
    """A titled line above a part of a screen."""

    DEFAULT_CSS = """
    Rule { height: 1; overflow: hidden; }
    """

    def __init__(self, title: str = "", note: str = "", **arguments: Any) -> None:
        super().__init__(**arguments)
        self._title = title
        self._note = note

    def show(self, title: str, note: str = "") -> None:
        """Show other words."""
        if (title, note) != (self._title, self._note):
            self._title, self._note = title, note
            self.touch_all()

    def row_count(self) -> int:
        """One."""
        return 1

    def draw_row(self, index: int, row: Row) -> None:
        """Title in a line, note at the right."""
        del index  # there is only one row
        line = self.inks["line"]
        row.add(self.glyphs.rule, line)
        if self._title:
            row.add(f" {self._title} ", self.inks["link"])
        end = row.width - (cell_len(self._note) + 3 if self._note else 0)
        row.add(self.glyphs.rule * max(0, end - row.used), line)
        if self._note:
            row.add(f" {self._note} ", self.inks["quiet"]).add(self.glyphs.rule, line)


class TabLine(LineView):
    """The names of panes of which one is shown; a click chooses."""

    DEFAULT_CSS = """
    TabLine { height: 1; overflow: hidden; }
    """

    class Picked(Message):
        """The player wants this pane."""

        def __init__(self, widget: TabLine, tab: str) -> None:
            super().__init__()
            self.widget = widget
            self.tab = tab

        @property
        def control(self) -> TabLine:
            """The tab line."""
            return self.widget

    def __init__(self, tabs: Sequence[tuple[str, str]] = (), **arguments: Any) -> None:
        super().__init__(**arguments)
        self._tabs = tuple(tabs)
        self.active = self._tabs[0][0] if self._tabs else ""

    def show(self, tabs: Sequence[tuple[str, str]], active: str) -> None:
        """Show tabs as (id, title), one of them active."""
        if (tuple(tabs), active) != (self._tabs, self.active):
            self._tabs, self.active = tuple(tabs), active
            self.touch_all()

    @property
    def tabs(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(tab for tab, _title in self._tabs)

    def row_count(self) -> int:
        """One."""
        return 1

    def _places(self) -> list[tuple[str, str, int]]:
        """Tabs as (id, title, first column)."""
        column = 1
        places = []
        for tab, title in self._tabs:
            places.append((tab, title, column))
            column += cell_len(title) + 1 + (2 if tab == self.active else 0)
        return places

    def draw_row(self, index: int, row: Row) -> None:
        """Titles; the active one stands in brackets."""
        del index  # there is only one row
        for tab, title, column in self._places():
            row.pad_to(column, self.inks["line"])
            if tab == self.active:
                row.add("[", self.inks["accent"]).add(title, self.inks["title"])
                row.add("]", self.inks["accent"])
            else:
                row.add(title, self.inks["quiet"])

    def on_click(self, event: Click) -> None:
        """Choose the tab under the pointer."""
        for tab, title, column in reversed(self._places()):
            if event.x >= column:
                if event.x <= column + cell_len(title) + 1:
                    self.post_message(self.Picked(self, tab))
                return
