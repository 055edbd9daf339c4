"""How states look and what they are called: pure functions from a state to glyph, tone, words."""

from __future__ import annotations

from typing import Final, NamedTuple

from kmemquest.i18n import N_, _
from kmemquest.tui.glyphs import Glyphs
from kmemquest.tui.model import FrameState, ZoneRow


class Portrait(NamedTuple):
    """The three ways a state is told, none of which is needed to understand the others."""

    glyph: str
    tone: str
    words: str


_FRAME_WORDS: Final = {
    FrameState.HOLE: N_("no RAM"),
    FrameState.FREE: N_("free"),
    FrameState.PCP: N_("free, per-CPU list"),
    FrameState.SLAB: N_("slab"),
    FrameState.YOURS: N_("your driver"),
    FrameState.CACHE: N_("page cache"),
    FrameState.VMALLOC: N_("vmalloc"),
    FrameState.DMA: N_("DMA buffer"),
    FrameState.RESERVED: N_("reserved"),
    FrameState.USER: N_("user memory"),
    FrameState.KERNEL: N_("kernel"),
    FrameState.MEMBLOCK: N_("RAM known to memblock"),
}
_SHORT_FRAME_WORDS: Final = {
    FrameState.HOLE: N_("no RAM"),
    FrameState.FREE: N_("free"),
    FrameState.PCP: N_("per-CPU list"),
    FrameState.SLAB: N_("slab"),
    FrameState.YOURS: N_("yours"),
    FrameState.CACHE: N_("page cache"),
    FrameState.VMALLOC: N_("vmalloc"),
    FrameState.DMA: N_("DMA"),
    FrameState.RESERVED: N_("reserved"),
    FrameState.USER: N_("user"),
    FrameState.KERNEL: N_("kernel"),
    FrameState.MEMBLOCK: N_("memblock"),
}
_FRAME_TONES: Final = tuple(f"frame-{state.name.lower()}" for state in FrameState)


def portray_frame(state: int, glyphs: Glyphs) -> Portrait:
    """A frame, or a cell that stands for several in the same state."""
    kind = FrameState(state)
    return Portrait(glyphs.frames[state], _FRAME_TONES[state], _(_FRAME_WORDS[kind]))


def short_frame_words(state: FrameState) -> str:
    """A state in one or two words, for the key under the map."""
    return _(_SHORT_FRAME_WORDS[state])


_CELL_TONES: Final = ("frame-free", "frame-slab", "frame-yours", "quiet")
_CELL_WORDS: Final = (N_("free"), N_("in use"), N_("your driver"), N_("freed by your driver"))


def portray_cell(state: int, glyphs: Glyphs) -> Portrait:
    """An object of a slab."""
    return Portrait(glyphs.cells[state], _CELL_TONES[state], _(_CELL_WORDS[state]))


def portray_zone(zone: ZoneRow, glyphs: Glyphs) -> Portrait:
    """How a zone stands against its watermarks."""
    if zone.free <= zone.minimum:
        return Portrait(glyphs.unmet, "bad", _("below min: only the desperate are served"))
    if zone.free <= zone.low:
        return Portrait(glyphs.down, "warn", _("below low: kswapd works"))
    if zone.free <= zone.high:
        return Portrait(glyphs.open_goal, "plain", _("between low and high"))
    return Portrait(glyphs.met, "good", _("above high: at ease"))
