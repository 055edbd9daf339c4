"""The goals of a level, flowing in as few rows as they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from kmemquest.tui.model import GoalText
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row, wrap

if TYPE_CHECKING:
    from textual.events import Resize


Mark = tuple[str, str, str]
"""What stands before a goal, its words, and the tone of both."""


class GoalPane(LineView):
    """What must be met, then what the second and third star ask for."""

    DEFAULT_CSS = """
    GoalPane { height: auto; }
    """

    def __init__(self, goals: Sequence[GoalText] = (), **arguments: Any) -> None:
        super().__init__(**arguments)
        self._goals = tuple(goals)
        self._marks: tuple[Mark, ...] | None = None
        self._rows: list[list[Mark]] = []
        self._laid_out = -1

    def mark(self, marks: Sequence[Mark]) -> None:
        """Show what became of the goals."""
        self._marks = tuple(marks)
        self._lay_out(max(1, self.size.width))
        self.touch_all()
        self.refresh(layout=True)

    def _entries(self) -> Sequence[Mark]:
        if self._marks is not None:
            return self._marks
        glyphs = self.glyphs
        return [
            (
                glyphs.open_goal if goal.rank == 1 else glyphs.star * goal.rank,
                goal.text,
                "plain" if goal.rank == 1 else "quiet",
            )
            for goal in self._goals
        ]

    def _lay_out(self, width: int) -> None:
        """Rows of marks; short goals share a row in two columns."""
        self._laid_out = width
        self._rows = []
        half = (width - 2) // 2
        for mark, words, tone in self._entries():
            needed = cell_len(mark) + 1 + cell_len(words)
            last = self._rows[-1] if self._rows else []
            if needed <= half - 1 and len(last) == 1 and self._short(last[0], half):
                last.append((mark, words, tone))
                continue
            for number, text in enumerate(wrap(words, width - cell_len(mark) - 4)):
                self._rows.append([(mark if not number else " " * cell_len(mark), text, tone)])

    def _short(self, entry: Mark, half: int) -> bool:
        return cell_len(entry[0]) + 1 + cell_len(entry[1]) <= half - 1

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:
        """Rows needed at a width."""
        del container, viewport
        if width != self._laid_out:
            self._lay_out(width)
        return len(self._rows)

    def row_count(self) -> int:
        """Rows after flowing."""
        return len(self._rows)

    def on_resize(self, event: Resize) -> None:
        """Flow anew."""
        if self.size.width != self._laid_out:
            self._lay_out(self.size.width)
            self._strips.clear()
        super().on_resize(event)

    def draw_row(self, index: int, row: Row) -> None:
        """One row of one or two goals."""
        for number, (mark, text, tone) in enumerate(self._rows[index]):
            row.pad_to(2 + number * ((row.width - 2) // 2))
            signed = tone if self._marks is not None else "link" if tone == "plain" else "accent"
            row.add(f"{mark} ", self.inks[signed])
            row.add(text, self.inks[tone])
