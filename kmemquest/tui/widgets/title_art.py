"""The title: a frame map whose allocated frames happen to spell the game's name."""

from __future__ import annotations

from typing import Final

from kmemquest.tui.model import FrameState
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row

_LETTERS: Final = {
    "K": ("#..#", "#.#.", "##..", "#.#.", "#..#"),
    "M": ("#...#", "##.##", "#.#.#", "#...#", "#...#"),
    "E": ("####", "#...", "###.", "#...", "####"),
    "Q": (".##.", "#..#", "#..#", "#.#.", ".#.#"),
    "U": ("#..#", "#..#", "#..#", "#..#", ".##."),
    "S": (".###", "#...", ".##.", "...#", "###."),
    "T": ("#####", "..#..", "..#..", "..#..", "..#.."),
}
_WORD: Final = "KMEMQUEST"
_TONES: Final = (
    FrameState.SLAB,
    FrameState.SLAB,
    FrameState.SLAB,
    FrameState.SLAB,
    FrameState.YOURS,
    FrameState.YOURS,
    FrameState.YOURS,
    FrameState.YOURS,
    FrameState.YOURS,
)
MARGIN: Final = 2


class TitleArt(LineView):
    """Seven rows of frames."""

    DEFAULT_CSS = """
    TitleArt { height: 7; overflow: hidden; }
    """

    def row_count(self) -> int:
        """Five rows of letters between two of free frames."""
        return 7

    def draw_row(self, index: int, row: Row) -> None:
        """Free frames with the letters' pixels allocated."""
        cells = self._cells(index - 1)
        width = len(cells) + 2 * MARGIN
        row.pad_to(max(0, (row.width - width) // 2))
        free = FrameState.FREE
        self._run(row, [free] * MARGIN + cells + [free] * MARGIN)

    def _cells(self, line: int) -> list[FrameState]:
        """The states of one row of the word."""
        cells: list[FrameState] = []
        for letter, tone in zip(_WORD, _TONES, strict=True):
            if cells:
                cells.append(FrameState.FREE)
            rows = _LETTERS[letter]
            pixels = rows[line] if 0 <= line < len(rows) else "." * len(rows[0])
            cells += [tone if pixel == "#" else FrameState.FREE for pixel in pixels]
        return cells

    def _run(self, row: Row, cells: list[FrameState]) -> None:
        start = 0
        for end in range(1, len(cells) + 1):
            if end == len(cells) or cells[end] != cells[start]:
                state = cells[start]
                tone = "line" if state is FrameState.FREE else f"frame-{state.name.lower()}"
                free = state is FrameState.FREE
                glyph = self.glyphs.frames[state] if free else self.glyphs.fill
                row.add(glyph * (end - start), self.inks[tone])
                start = end
