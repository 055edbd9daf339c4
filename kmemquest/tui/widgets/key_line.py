"""The last line of every screen: the keys that matter now, each clickable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual.events import Click

from kmemquest.i18n import _
from kmemquest.tui.operations import Operation, plain_keys
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row

if TYPE_CHECKING:
    from collections.abc import Sequence


class KeyLine(LineView):
    """Keys and their labels, in order; what has no room is left to help."""

    DEFAULT_CSS = """
    KeyLine { height: 1; dock: bottom; background: $panel; overflow: hidden; }
    """

    def __init__(self, operations: Sequence[Operation], **arguments: Any) -> None:
        super().__init__(**arguments)
        self._operations = tuple(operations)

    def show(self, operations: Sequence[Operation]) -> None:
        """Show other operations."""
        self._operations = tuple(operations)
        self.touch_all()

    def row_count(self) -> int:
        """One."""
        return 1

    def entries(self) -> list[tuple[Operation, str, str]]:
        """The shown operations with key text and label."""
        plain = self.glyphs.name == "ascii"
        return [
            (
                operation,
                plain_keys(operation.shown) if plain else operation.shown,
                _(operation.label),
            )
            for operation in self._operations
            if operation.shown
        ]

    def needed_width(self) -> int:
        """Cells that all entries need; none after the last."""
        entries = self.entries()
        return sum(cell_len(key) + cell_len(label) + 3 for _op, key, label in entries) - 1

    def draw_row(self, index: int, row: Row) -> None:
        """Write the keys."""
        del index  # there is only one row
        row.add(" ")
        for _operation, key, label in self.entries():
            row.add(f"{key} ", self.inks["key"]).add(f"{label}  ", self.inks["quiet"])

    async def on_click(self, event: Click) -> None:
        """Run the operation under the pointer."""
        column = 1
        for operation, key, label in self.entries():
            end = column + cell_len(key) + cell_len(label) + 2
            if column <= event.x < end:
                await self.screen.run_action(operation.action)
                return
            column = end + 1
