"""What the glyphs of the frame map mean: only those that can be seen, under the map."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len

from kmemquest.i18n import _
from kmemquest.tui.model import FrameState
from kmemquest.tui.portray import short_frame_words
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row

HIDDEN = (FrameState.HOLE,)
"""States whose glyph is a blank."""
FIRST = (FrameState.YOURS, FrameState.SLAB, FrameState.DMA, FrameState.VMALLOC)
"""States named first: what the driver causes matters more than what was there before."""


class MapKey(LineView):
    """Two rows: the states in view, and how a change is marked."""

    DEFAULT_CSS = """
    MapKey { height: 2; overflow: hidden; }
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._states = b""

    def show(self, states: bytes) -> None:
        """Explain other states."""
        if states != self._states:
            self._states = states
            self.touch_all()

    def row_count(self) -> int:
        """Always two, so that nothing jumps."""
        return 2

    def _entries(self) -> list[tuple[str, str, str]]:
        """Glyph, tone and word of every state, the driver's first."""
        order = [*FIRST, *(state for state in FrameState if state not in FIRST)]
        entries = []
        for state in order:
            if state in self._states and state not in HIDDEN:
                tone = f"frame-{state.name.lower()}"
                entries.append((self.glyphs.frames[state], tone, short_frame_words(state)))
        return entries

    def draw_row(self, index: int, row: Row) -> None:
        """As many entries as fit; the second row takes the rest."""
        used = 0
        line = 0
        if index == 0:
            row.add(" ", self.inks["glow"] + self.inks.changed)
            row.add(" " + _("changed") + "  ", self.inks["quiet"])
        used = cell_len(_("changed")) + 4
        for glyph, tone, word in self._entries():
            needed = cell_len(word) + 4
            if used + needed > row.width + 2:
                line += 1
                used = 0
            used += needed
            if line == index:
                row.add(f"{glyph} ", self.inks[tone]).add(f"{word}  ", self.inks["quiet"])
