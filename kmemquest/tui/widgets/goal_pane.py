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


class GoalPane(LineView):
    """What must be met, then what the second and third star ask for."""

    DEFAULT_CSS = """
    GoalPane { height: auto; }
    """

    def __init__(self, goals: Sequence[GoalText] = (), **arguments: Any) -> None:
        super().__init__(**arguments)
        self._goals = tuple(goals)
        self._rows: list[list[tuple[str, str, int]]] = []
        self._laid_out = -1

    def _mark(self, goal: GoalText) -> str:
        return self.glyphs.open_goal if goal.rank == 1 else self.glyphs.star * goal.rank

    def _lay_out(self, width: int) -> None:
        """Rows of (mark, text, rank); short goals share a row in two columns."""
        self._laid_out = width
        self._rows = []
        half = (width - 2) // 2
        for goal in self._goals:
            mark = self._mark(goal)
            needed = cell_len(mark) + 1 + cell_len(goal.text)
            last = self._rows[-1] if self._rows else []
            if needed <= half - 1 and len(last) == 1 and self._short(last[0], half):
                last.append((mark, goal.text, goal.rank))
                continue
            for number, text in enumerate(wrap(goal.text, width - cell_len(mark) - 4)):
                self._rows.append([(mark if not number else " " * cell_len(mark), text, goal.rank)])

    def _short(self, entry: tuple[str, str, int], half: int) -> bool:
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
        for number, (mark, text, rank) in enumerate(self._rows[index]):
            row.pad_to(2 + number * ((row.width - 2) // 2))
            row.add(f"{mark} ", self.inks["accent" if rank > 1 else "link"])
            row.add(text, self.inks["plain" if rank == 1 else "quiet"])
