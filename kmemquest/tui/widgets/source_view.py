"""The driver's source: numbered, coloured, with open slots and the current line marked.

A line that is too long goes on in the next row, further in, without a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.style import Style

from kmemquest.tui.highlight import comment_states, highlight
from kmemquest.tui.model import Source, Span
from kmemquest.tui.widgets.folding import FoldedRows, fold
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row

if TYPE_CHECKING:
    from textual.events import Resize

GUTTER = 6
TAB = 4
NARROW_TAB = 2
"""Cells per tab: eight, as the kernel has it, does not fit beside the panes."""
NARROW = 60
HANG = 4
"""Cells by which a line that goes on lies further in."""


class SourceView(LineView, can_focus=True):
    """A read-only listing."""

    HELP = "source"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._source = Source("", ())
        self._comments = b""
        self._spans: Mapping[int, list[Span]] = {}
        self._current = -1
        self._bad: frozenset[int] = frozenset()
        self._folded = FoldedRows(())
        self._folded_for = -1
        self.active_slot = ""

    def show(self, source: Source, active_slot: str = "") -> None:
        """Show a source; only lines that differ from before are drawn anew."""
        before = self._source
        old_spans = self._spans
        self._source = source
        self.active_slot = active_slot
        spans: dict[int, list[Span]] = {}
        for span in source.spans:
            spans.setdefault(span.line, []).append(span)
        self._spans = spans
        rows = self._folded.count
        self._fold()
        if len(before.lines) != len(source.lines) or not before.lines or rows != self._folded.count:
            self._comments = comment_states(source.lines)
            self.touch_all()
            return
        changed = [
            number
            for number, (old, new) in enumerate(zip(before.lines, source.lines, strict=True))
            if old != new or number in spans or number in old_spans
        ]
        self._touch_lines(changed)

    def _touch_lines(self, lines: Iterable[int]) -> None:
        known = len(self._source.lines)
        self.touch(*(row for line in lines if line < known for row in self._folded.rows(line)))

    def mark(self, line: int, bad: frozenset[int] = frozenset()) -> None:
        """Mark the current line (0-based, -1 for none) and the lines with reports."""
        if line == self._current and bad == self._bad:
            return
        stale = {self._current, line} | (self._bad ^ bad)
        self._current = line
        self._bad = bad
        self._touch_lines(line for line in stale if line >= 0)
        if line >= 0:
            self.show_line(line, context=min(2, max(0, (self.size.height - 1) // 2)))

    def show_line(self, line: int, context: int = 0) -> None:
        """Scroll at once, and as little as needed, until a line (from 0) is visible."""
        rows = self._folded.rows(line)
        if rows:
            self.show_row(rows[-1], context)
            self.show_row(rows[0], context)

    def line_at(self, y: int) -> int:
        """Return the line (from 0) that is shown at a height of the widget, -1 for none."""
        row = y + self.scroll_offset.y
        return self._folded.part(row)[0] if 0 <= row < self._folded.count else -1

    def centre_slot(self) -> None:
        """Bring the active slot (or the first one) into view with the lines around it."""
        for span in self._source.spans:
            if not self.active_slot or span.slot == self.active_slot:
                row = self._folded.first(span.line)
                top = max(0, row - max(1, self.size.height) // 2)
                self.scroll_to(y=top, animate=False)
                return

    def on_resize(self, event: Resize) -> None:
        """Fold anew."""
        if self.row_width != self._folded_for:
            self._fold()
            self._strips.clear()
        super().on_resize(event)

    def _fold(self) -> None:
        self._folded_for = width = self.row_width
        room = max(GUTTER + 2, width) - GUTTER if width > 0 else 1 << 16
        self._folded = FoldedRows(
            fold(text, room, room - self._hang(text, room))
            for text in map(self._expanded, self._source.lines)
        )

    @property
    def _tab(self) -> int:
        return NARROW_TAB if self.row_width < NARROW else TAB

    def _expanded(self, line: str) -> str:
        """A line as it is shown, its indentation first."""
        code = line.lstrip()
        shown = _indent(line[: len(line) - len(code)], self._tab)
        return " " * shown + _expand(code, shown, self._tab)

    def _hang(self, text: str, room: int) -> int:
        """Cells by which the further rows of a line are indented."""
        return min(len(text) - len(text.lstrip()) + HANG, room // 2)

    def row_count(self) -> int:
        """One row per line, more for a long one."""
        return self._folded.count

    def draw_row(self, index: int, row: Row) -> None:
        """A line with its number, or what did not fit into the rows before."""
        number, start, end = self._folded.part(index)
        whole = Row(1 << 20, self.base_style)
        self._draw_line(number, whole, row.width)
        current = number == self._current
        under = self.inks.cursor if current else Style.null()
        if start:
            hang = self._hang(self._expanded(self._source.lines[number]), row.width - GUTTER)
            row.add(" " * (GUTTER - 2) + self.glyphs.ellipsis + " ", self.inks["quiet"] + under)
            row.add(" " * hang, under)
        row.take(whole, 0 if not start else GUTTER + start, None if end is None else GUTTER + end)
        context = "" if start else self._source.contexts.get(number, "")
        if context:
            row.right(f"{context} {self.glyphs.back} ", self.inks["quiet"] + under)
        if current:
            row.pad_to(row.width, under)

    def _draw_line(self, index: int, row: Row, width: int) -> None:
        current = index == self._current
        bad = index in self._bad
        mark = self.glyphs.here if current else self.glyphs.unmet if bad else " "
        tone = "bad" if bad else "accent" if current else "quiet"
        under = self.inks.cursor if current else Style.null()
        row.add(f"{mark}{index + 1:>4} ", self.inks[tone] + under)
        line = self._source.lines[index]
        code = line.lstrip()
        pieces, _inside = highlight(code, bool(self._comments[index]))
        tab = NARROW_TAB if width < NARROW else TAB
        spans = self._spans.get(index, ())
        column = len(line) - len(code)
        shown = _indent(line[:column], tab)
        row.add(" " * shown, under)
        for piece_tone, text in pieces:
            for character_run, slot in _cut(text, column, spans):
                expanded = _expand(character_run, shown, tab)
                style = self.inks[piece_tone]
                if slot:
                    expanded = expanded.replace("▒", self.glyphs.slot)
                    style = self.inks["slot"]
                    if slot == self.active_slot:
                        style += self.inks.changed
                row.add(expanded, style + under)
                shown += cell_len(expanded)
            column += len(text)


def _cut(text: str, column: int, spans: tuple[Span, ...] | list[Span]) -> list[tuple[str, str]]:
    """Cut a piece at the borders of slots: runs of text, each with its slot's id or nothing."""
    if not spans:
        return [(text, "")]
    runs: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        here = column + position
        end = len(text)
        slot = ""
        for span in spans:
            if span.start <= here < span.end:
                slot = span.slot
                end = min(end, span.end - column)
            elif here < span.start:
                end = min(end, span.start - column)
        runs.append((text[position:end], slot))
        position = end
    return runs


def _indent(blanks: str, tab: int) -> int:
    """Cells for an indentation written in tabs, or in eight blanks per level."""
    levels, rest = divmod(len(blanks.expandtabs(8)), 8)
    return levels * tab + min(rest, tab)


def _expand(text: str, start: int, tab: int) -> str:
    """Tabs become blanks up to the next tab stop."""
    if "\t" not in text:
        return text
    out = ""
    for character in text:
        if character == "\t":
            out += " " * (tab - (start + cell_len(out)) % tab)
        else:
            out += character
    return out
