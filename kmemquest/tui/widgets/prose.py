"""Paragraphs of text: briefs, hints, rules, debriefs. Wrapped by cells, scrolled by rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType

from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row, fit, wrap

if TYPE_CHECKING:
    from textual.events import Resize

Paragraph = tuple[str, str]
"""A tone word and a text; an empty text is a blank row. Leading spaces indent all of its rows; a
tab parts a label from what hangs beside it."""
LABEL = 13


class Prose(LineView):
    """Read-only text. `indent` cells stand before every row."""

    DEFAULT_CSS = """
    Prose { height: auto; }
    Prose.-brief { overflow-y: hidden; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_rows(-1)", show=False),
        Binding("down", "scroll_rows(1)", show=False),
        Binding("pageup", "scroll_rows(-10)", show=False),
        Binding("pagedown", "scroll_rows(10)", show=False),
    ]

    def __init__(
        self,
        paragraphs: Sequence[Paragraph] = (),
        *,
        indent: int = 1,
        more: str = "",
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self._paragraphs = tuple(paragraphs)
        self._indent = indent
        self._more = more
        self._lines: list[Paragraph] = []
        self._laid_out = -1
        self.set_class(bool(more), "-brief")

    def show(self, *paragraphs: Paragraph) -> None:
        """Show other text."""
        if paragraphs == self._paragraphs:
            return
        self._paragraphs = paragraphs
        rows = len(self._lines)
        self._lay_out(self._laid_out)
        self.touch_all()
        height = self.styles.height
        if len(self._lines) != rows and (height is None or height.is_auto):
            self.refresh(layout=True)

    @property
    def text(self) -> str:
        """All that is said, for tests and screen readers."""
        return "\n".join(text for _tone, text in self._paragraphs)

    def _lay_out(self, width: int) -> None:
        self._laid_out = width
        self._lines = [
            (tone, line)
            for tone, text in self._paragraphs
            for line in _lines_of(text, max(8, width - self._indent - 1))
        ]

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:
        """Rows needed at a width."""
        del container, viewport
        if width != self._laid_out:
            self._lay_out(width)
        return len(self._lines)

    def row_count(self) -> int:
        """Rows after wrapping."""
        return len(self._lines)

    def on_resize(self, event: Resize) -> None:
        """Wrap anew."""
        if self.size.width != self._laid_out:
            self._lay_out(self.size.width)
            self._strips.clear()
        elif self._more:
            # Which row carries the mark depends on the height.
            self._strips.clear()
        super().on_resize(event)

    def draw_row(self, index: int, row: Row) -> None:
        """One wrapped row."""
        tone, text = self._lines[index]
        row.add(" " * self._indent)
        if self._more and index == self.size.height - 1 < len(self._lines) - 1:
            note = f"  {self._more} "
            row.add(fit(text, max(8, row.width - self._indent - cell_len(note))), self.inks[tone])
            row.add(note, self.inks["key"])
            return
        row.add(text, self.inks[tone])

    def action_scroll_rows(self, by: int) -> None:
        """Scroll at once."""
        self.scroll_to(y=self.scroll_offset.y + by, animate=False)


def _lines_of(text: str, width: int) -> list[str]:
    """Wrap a paragraph; what follows a tab hangs beside its label."""
    label, tab, body = text.partition("\t")
    if not tab:
        hang = " " * min(len(text) - len(text.lstrip(" ")), width // 2)
        return [hang + line for line in wrap(text[len(hang) :], width - len(hang))]
    lines = wrap(body, max(8, width - LABEL))
    return [
        fit("" if number else label, LABEL - 1) + " " + line for number, line in enumerate(lines)
    ]
