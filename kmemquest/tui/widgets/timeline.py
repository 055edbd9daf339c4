"""The timeline: all steps in one line, with what happened marked and a knob to drag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.message import Message

from kmemquest.i18n import _
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row

if TYPE_CHECKING:
    from textual.events import Click, MouseDown, MouseMove, MouseUp


class Timeline(LineView):
    """Steps from left to right. Clicking or dragging asks for a step."""

    DEFAULT_CSS = """
    Timeline { height: 1; overflow: hidden; }
    """

    class Sought(Message):
        """The player wants to see this step."""

        def __init__(self, widget: Timeline, step: int) -> None:
            super().__init__()
            self.widget = widget
            self.step = step

        @property
        def control(self) -> Timeline:
            """The timeline."""
            return self.widget

        def can_replace(self, message: Message) -> bool:
            """Only the last place of a drag matters."""
            return isinstance(message, Timeline.Sought)

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._marks = b""
        self._step = 0
        self._cells: bytes = b""
        self._dragging = False

    def load(self, marks: bytes) -> None:
        """Take one byte per step: 0 nothing, 1 an event, 2 a report."""
        self._marks = marks
        self._cells = b""
        self.touch_all()

    def go(self, step: int) -> None:
        """Put the knob on a step."""
        if step != self._step:
            self._step = step
            self.touch(0)

    def row_count(self) -> int:
        """One."""
        return 1

    def _caption(self) -> str:
        words = _("step {step}/{steps}").format(step=self._step + 1, steps=len(self._marks))
        return f" {words} "

    def _track(self) -> int:
        """How many cells the track has."""
        return max(4, self.size.width - len(_("step {step}/{steps}")) - 8)

    def draw_row(self, index: int, row: Row) -> None:
        """Track, marks, knob, words."""
        del index  # there is only one row
        width = self._track()
        if len(self._cells) != width:
            self._cells = _squeeze(self._marks, width)
        knob = self._step * (width - 1) // max(1, len(self._marks) - 1)
        row.add(self.glyphs.bar_left, self.inks["line"])
        for cell, mark in enumerate(self._cells):
            if cell == knob:
                row.add(self.glyphs.knob, self.inks["bad" if mark == 2 else "accent"])
            elif mark == 2:
                row.add(self.glyphs.bad_tick, self.inks["bad"])
            elif mark == 1:
                row.add(self.glyphs.tick, self.inks["link"])
            else:
                row.add(self.glyphs.bar_line, self.inks["line"])
        row.add(self.glyphs.bar_right, self.inks["line"])
        row.right(self._caption(), self.inks["plain"])

    def _seek(self, x: int) -> None:
        width = self._track()
        cell = min(max(0, x - 1), width - 1)
        step = round(cell * max(0, len(self._marks) - 1) / max(1, width - 1))
        self.post_message(self.Sought(self, step))

    def on_click(self, event: Click) -> None:
        """Go where the pointer is."""
        self._seek(event.x)

    def on_mouse_down(self, _event: MouseDown) -> None:
        """Take hold of the knob."""
        self._dragging = True
        self.capture_mouse()

    def on_mouse_up(self, _event: MouseUp) -> None:
        """Let go of the knob."""
        self._dragging = False
        self.release_mouse()

    def on_mouse_move(self, event: MouseMove) -> None:
        """Drag."""
        if self._dragging:
            self._seek(event.x)


def _squeeze(marks: bytes, width: int) -> bytes:
    """The gravest mark of the steps behind every cell."""
    cells = bytearray(width)
    steps = len(marks)
    for step, mark in enumerate(marks):
        if mark:
            cell = step * (width - 1) // max(1, steps - 1)
            cells[cell] = max(cells[cell], mark)
    return bytes(cells)
