"""The question asked before a run, and the choices beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual.message import Message

from kmemquest.i18n import _
from kmemquest.tui.model import Prediction
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row, fit

if TYPE_CHECKING:
    from textual.events import Click


class PredictionLine(LineView):
    """Two rows: the question, the choices. Nothing is chosen at first."""

    DEFAULT_CSS = """
    PredictionLine { height: 2; overflow: hidden; }
    """

    class Predicted(Message):
        """The player expects this."""

        def __init__(self, widget: PredictionLine, choice: str) -> None:
            super().__init__()
            self.widget = widget
            self.choice = choice

        @property
        def control(self) -> PredictionLine:
            """The line."""
            return self.widget

    def __init__(self, prediction: Prediction, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._prediction = prediction
        self.index = -1
        """The choice made; -1 for none yet."""

    @property
    def choice(self) -> str | None:
        """The id of the choice made."""
        if self.index < 0:
            return None
        return self._prediction.choices[self.index][0]

    def row_count(self) -> int:
        """Question and choices."""
        return 2

    def _start(self) -> int:
        """The first choice shown: 0, or so many that the chosen one fits into the row."""
        widths = [cell_len(label) + 3 for _identifier, label in self._prediction.choices]
        chosen = max(self.index, 0)
        start = 0
        while start < chosen and sum(widths[start : chosen + 1]) > max(8, self.row_width - 5):
            start += 1
        return start

    def _places(self) -> list[int]:
        """The column of each choice; negative for those left out."""
        start = self._start()
        column = 3
        places = []
        for number, (_identifier, label) in enumerate(self._prediction.choices):
            if number < start:
                places.append(-1)
                continue
            places.append(column)
            column += cell_len(label) + 3
        return places

    def draw_row(self, index: int, row: Row) -> None:
        """The question, or the choices with the chosen one in brackets."""
        if index == 0:
            lead = _("Predict:")
            row.add(f" {lead} ", self.inks["accent"])
            row.add(fit(self._prediction.ask, row.width - row.used, self.glyphs.ellipsis))
            return
        row.add(f" {self.glyphs.back}", self.inks["key"])
        for number, (column, (_identifier, label)) in enumerate(
            zip(self._places(), self._prediction.choices, strict=True)
        ):
            if column < 0:
                continue
            chosen = number == self.index
            row.pad_to(column - 1)
            row.add("[" if chosen else " ", self.inks["accent"])
            row.add(label, self.inks["title" if chosen else "quiet"])
            row.add("]" if chosen else " ", self.inks["accent"])
        row.add(f" {self.glyphs.forward}", self.inks["key"])

    def move(self, by: int) -> None:
        """Choose the next or previous one."""
        count = len(self._prediction.choices)
        self.choose((self.index + by) % count if self.index >= 0 else (0 if by > 0 else count - 1))

    def choose(self, index: int) -> None:
        """Choose by position."""
        if index != self.index:
            self.index = index
            self.touch(1)
            self.post_message(self.Predicted(self, self._prediction.choices[index][0]))

    def on_click(self, event: Click) -> None:
        """Choose what was clicked."""
        if event.y != 1:
            return
        for number, column in reversed(list(enumerate(self._places()))):
            if 0 <= column <= event.x + 1:
                self.choose(number)
                return
