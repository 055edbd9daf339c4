"""Lines that are longer than the screen is wide go on in the next row: nothing is cut off."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from rich.cells import cell_len


def fold(text: str, first: int, rest: int) -> list[int]:
    """Return where in `text` rows begin, 0 among them; a row has `first` or `rest` cells.

    A row ends after a blank or a comma if one lies in its second half.
    """
    starts = [0]
    if cell_len(text) <= first:
        return starts
    width = max(1, first)
    while True:
        begin = starts[-1]
        end, used, after_blank = begin, 0, 0
        while end < len(text):
            used += cell_len(text[end])
            if used > width:
                break
            end += 1
            if text[end - 1] in " ," and used > width // 2:
                after_blank = end
        if end >= len(text):
            return starts
        starts.append(after_blank or max(end, begin + 1))
        width = max(1, rest)


class FoldedRows:
    """Which rows show which line, from how each line is folded."""

    def __init__(self, folds: Iterable[list[int]]) -> None:
        self._folds = list(folds)
        self._firsts: list[int] = []
        rows = 0
        for starts in self._folds:
            self._firsts.append(rows)
            rows += len(starts)
        self.count = rows
        """Rows of all lines."""

    def first(self, line: int) -> int:
        """Return the row in which a line begins; behind the last line, the number of rows."""
        return self._firsts[line] if line < len(self._firsts) else self.count

    def rows(self, line: int) -> range:
        """Return the rows of a line."""
        return range(self.first(line), self.first(line + 1))

    def part(self, row: int) -> tuple[int, int, int | None]:
        """Return what a row shows: line, and from where to where in it (None: to its end)."""
        line = bisect_right(self._firsts, row) - 1
        starts = self._folds[line]
        index = row - self._firsts[line]
        return line, starts[index], starts[index + 1] if index + 1 < len(starts) else None
