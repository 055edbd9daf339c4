"""The driver's source: numbered, coloured, with open slots and the current line marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len
from rich.style import Style

from kmemquest.tui.highlight import comment_states, highlight
from kmemquest.tui.model import Source, Span
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row

GUTTER = 6
TAB = 4
NARROW_TAB = 2
"""Cells per tab: eight, as the kernel has it, does not fit beside the panes."""
NARROW = 60


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
        if len(before.lines) != len(source.lines) or not before.lines:
            self._comments = comment_states(source.lines)
            self.touch_all()
            return
        changed = [
            number
            for number, (old, new) in enumerate(zip(before.lines, source.lines, strict=True))
            if old != new or number in spans or number in old_spans
        ]
        self.touch(*changed)

    def mark(self, line: int, bad: frozenset[int] = frozenset()) -> None:
        """Mark the current line (0-based, -1 for none) and the lines with reports."""
        if line == self._current and bad == self._bad:
            return
        stale = {self._current, line} | (self._bad ^ bad)
        self._current = line
        self._bad = bad
        self.touch(*(row for row in stale if row >= 0))
        if line >= 0:
            self.show_row(line, context=min(2, max(0, (self.size.height - 1) // 2)))

    def centre_slot(self) -> None:
        """Bring the active slot (or the first one) into view with the lines around it."""
        for span in self._source.spans:
            if not self.active_slot or span.slot == self.active_slot:
                top = max(0, span.line - max(1, self.size.height) // 2)
                self.scroll_to(y=top, animate=False)
                return

    def row_count(self) -> int:
        """One row per line."""
        return len(self._source.lines)

    def draw_row(self, index: int, row: Row) -> None:
        """A line with its number."""
        current = index == self._current
        bad = index in self._bad
        mark = self.glyphs.here if current else self.glyphs.unmet if bad else " "
        tone = "bad" if bad else "accent" if current else "quiet"
        under = self.inks.cursor if current else Style.null()
        row.add(f"{mark}{index + 1:>4} ", self.inks[tone] + under)
        line = self._source.lines[index]
        code = line.lstrip()
        pieces, _inside = highlight(code, bool(self._comments[index]))
        tab = NARROW_TAB if row.width < NARROW else TAB
        spans = self._spans.get(index, ())
        column = len(line) - len(code)
        shown = _indent(line[:column], tab)
        if current and GUTTER + shown + cell_len(code) > row.width:
            # The line that matters is read whole rather than in its column.
            shown = 0
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
        context = self._source.contexts.get(index)
        if context:
            row.right(f"{context} {self.glyphs.back} ", self.inks["quiet"] + under)
        if current:
            row.pad_to(row.width, under)


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
