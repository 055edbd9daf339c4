"""Building one row of cells: pieces in, a strip of an exact width out."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip


class Row:
    """A row under construction. Widths are terminal cells, so wide characters are counted right."""

    __slots__ = ("_base", "_segments", "used", "width")

    def __init__(self, width: int, base: Style) -> None:
        self.width = width
        self.used = 0
        """Cells written so far; may pass `width`, what is beyond is cut."""
        self._base = base
        self._segments: list[Segment] = []

    def add(self, text: str, style: Style | None = None) -> Row:
        """Append text; returns the row so that calls chain."""
        if text:
            full = self._base if style is None else self._base + style
            self._segments.append(Segment(text, full))
            self.used += cell_len(text)
        return self

    def pad_to(self, column: int, style: Style | None = None) -> Row:
        """Append blanks up to a column, at least none."""
        return self.add(" " * max(0, column - self.used), style)

    def column(self, text: str, width: int, style: Style | None = None, mark: str = "…") -> Row:
        """Append text in a column of exactly `width` cells, cut with a mark when too long."""
        return self.add(fit(text, width, mark), style)

    def right(self, text: str, style: Style | None = None) -> Row:
        """Put text at the right edge if there is room for it after one blank."""
        start = self.width - cell_len(text)
        if start > self.used:
            self.pad_to(start).add(text, style)
        return self

    def take(self, other: Row, start: int, end: int | None) -> Row:
        """Append a part of another row, by characters; widths of its pieces stay."""
        position = 0
        for segment in other._segments:
            text = segment.text
            low = max(0, start - position)
            high = len(text) if end is None else min(len(text), end - position)
            if low < high:
                self._segments.append(Segment(text[low:high], segment.style))
                self.used += cell_len(text[low:high])
            position += len(text)
        return self

    def strip(self) -> Strip:
        """The finished row, exactly `width` cells wide."""
        return Strip(self._segments, self.used).adjust_cell_length(self.width, self._base)


def fit(text: str, width: int, mark: str = "…") -> str:
    """Text padded or cut to exactly `width` cells; a cut shows its mark."""
    length = cell_len(text)
    if length <= width:
        return text + " " * (width - length)
    if width <= 0:
        return ""
    kept = ""
    used = 0
    for character in text:
        step = cell_len(character)
        if used + step > width - 1:
            break
        kept += character
        used += step
    return kept + mark + " " * (width - used - 1)


def wrap(text: str, width: int) -> list[str]:
    """Wrap by cells: at blanks, and between wide characters, which need no blank."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        used = 0
        for word in _words(paragraph):
            length = cell_len(word)
            if used and used + length > width:
                lines.append(line.rstrip())
                line, used = "", 0
                word = word.lstrip()
                length = cell_len(word)
            while length > width > 0:
                head = _head(word, width)
                lines.append(head)
                word = word[len(head) :]
                length = cell_len(word)
            line += word
            used += length
        lines.append(line.rstrip())
    return lines


_NO_LINE_START = "，。、；：？！）》」』”’…,.;:?!)"


def _words(text: str) -> list[str]:
    """Pieces after each of which a line may end: words with their blanks, wide characters."""
    words: list[str] = []
    current = ""
    for character in text:
        if character == " ":
            words.append(current + " ")
            current = ""
        elif cell_len(character) == 2:
            if character in _NO_LINE_START:
                if not current and words:
                    current = words.pop()
                words.append(current + character)
            else:
                if current:
                    words.append(current)
                words.append(character)
            current = ""
        else:
            current += character
    if current:
        words.append(current)
    return words


def _head(word: str, width: int) -> str:
    """The longest beginning of a word that fits, at least one character."""
    head = ""
    used = 0
    for character in word:
        used += cell_len(character)
        if used > width and head:
            break
        head += character
    return head
