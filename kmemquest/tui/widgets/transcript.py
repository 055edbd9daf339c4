"""The sandbox's statements, each with what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.i18n import _
from kmemquest.tui.highlight import highlight
from kmemquest.tui.widgets.row import Row, wrap
from kmemquest.tui.widgets.source_view import SourceView

if TYPE_CHECKING:
    from textual.events import Click, Resize

    from kmemquest.tui.sandbox_source import SandboxPlay

INDENT = 5


class Transcript(SourceView):
    """Two parts per statement: the C, and below it the result. Clicking goes there."""

    HELP = "transcript"

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)
        self._play: SandboxPlay | None = None
        self._rows: list[tuple[int, str, str]] = []
        """Statement (from 1), text, tone; the tone `code` is C."""
        self._here = 0

    def take(self, play: SandboxPlay) -> None:
        """Show another run."""
        self._play = play
        self._lay_out()
        self.touch_all()

    def _lay_out(self) -> None:
        room = max(16, self.row_width - INDENT - 1)
        self._rows = []
        if self._play is None:
            return
        for number, statement in enumerate(self._play.run.statements, 1):
            for line in _folded(statement.text, room):
                self._rows.append((number, line, "code"))
            said = self._play.result(number)
            for line in wrap(said.text, room):
                self._rows.append((number, line, said.tone))

    def on_resize(self, event: Resize) -> None:
        """Wrap anew."""
        self._lay_out()
        self._strips.clear()
        super().on_resize(event)

    def row_count(self) -> int:
        """Rows of all statements; one to say that there is none."""
        return max(1, len(self._rows))

    def mark(self, line: int, bad: frozenset[int] = frozenset()) -> None:
        """Go to a statement (0-based, -1 for before the first)."""
        del bad
        if line + 1 != self._here:
            self._here = line + 1
            self.touch_all()
        mine = [row for row, entry in enumerate(self._rows) if entry[0] == self._here]
        if mine:
            self.show_row(mine[-1])
            self.show_row(mine[0])
        else:
            self.show_row(0)

    def draw_row(self, index: int, row: Row) -> None:
        """A line of a statement, or of its result."""
        if not self._rows:
            row.add(" " + _("type a C statement at the prompt below"), self.inks["quiet"])
            return
        number, text, tone = self._rows[index]
        here = number == self._here
        under = self.inks.cursor if here else None

        def ink(name: str) -> object:
            return self.inks[name] + under if under else self.inks[name]

        first = not index or self._rows[index - 1][0] != number
        mark = self.glyphs.here if here and first else " "
        row.add(f"{mark}{number if first else '':>3} ", ink("accent" if here else "quiet"))  # type: ignore[arg-type]
        if tone == "code":
            for piece, part in highlight(text)[0]:
                row.add(part, ink(piece))  # type: ignore[arg-type]
        else:
            row.add(text, ink(tone))  # type: ignore[arg-type]
        if here:
            row.pad_to(row.width, ink("plain"))  # type: ignore[arg-type]

    def statement_at(self, row: int) -> int:
        """The statement in a row; 0 for none."""
        return self._rows[row][0] if 0 <= row < len(self._rows) else 0

    def on_click(self, event: Click) -> None:
        """Go to the statement under the pointer."""
        number = self.statement_at(event.y + self.scroll_offset.y)
        show = getattr(self.screen, "show_statement", None)
        if number and show is not None:
            show(number)


def _folded(text: str, width: int) -> list[str]:
    return [line for part in text.split("\n") for line in wrap(part, width)]
