"""A listing with a cursor: the driver of a question, and the line that the player points at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from kmemquest.tui.widgets.source_view import SourceView

if TYPE_CHECKING:
    from textual.events import Click


class LinePicker(SourceView, can_focus=True):
    """A source in which a line can be picked; where `picking` is false the keys scroll it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", show=False),
        Binding("down,j", "step(1)", show=False),
        Binding("pageup", "step(-8)", show=False),
        Binding("pagedown", "step(8)", show=False),
        Binding("home", "step(-9999)", show=False),
        Binding("end", "step(9999)", show=False),
    ]

    class Moved(Message):
        """The cursor is on another line (counted from 1)."""

        def __init__(self, widget: LinePicker, line: int) -> None:
            super().__init__()
            self.widget = widget
            self.line = line

        @property
        def control(self) -> LinePicker:
            """The listing."""
            return self.widget

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.picking = False
        self.line = 0
        """The line under the cursor, counted from 1; 0 without a cursor."""
        self._found_bad: frozenset[int] = frozenset()

    def start(self, *, picking: bool, line: int = 0) -> None:
        """Begin with another source."""
        self.picking = picking
        self._found_bad = frozenset()
        self.line = line
        self.mark(line - 1)
        if not line:
            self.scroll_to(y=0, animate=False)

    def go(self, line: int) -> None:
        """Put the cursor on a line."""
        line = min(max(line, 1), len(self._source.lines))
        if line != self.line:
            self.line = line
            self.mark(line - 1, self._found_bad)
            self.post_message(self.Moved(self, line))

    def reveal(self, bad_line: int) -> None:
        """Mark the line that is the key."""
        self._found_bad = frozenset({bad_line - 1})
        self.mark(self.line - 1, self._found_bad)
        self.show_line(bad_line - 1, context=1)

    def action_step(self, by: int) -> None:
        """Move the cursor, or scroll where there is none."""
        if self.picking:
            self.go((self.line or (1 - by)) + by)
        else:
            self.scroll_to(y=self.scroll_offset.y + by, animate=False)

    def on_click(self, event: Click) -> None:
        """Point at a line."""
        line = self.line_at(event.y)
        if self.picking and line >= 0:
            self.focus()
            self.go(line + 1)
