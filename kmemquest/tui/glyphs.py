"""The glyphs of the game in two sets: Unicode, and ASCII for terminals that draw nothing else.

Each is one cell wide everywhere; none is an emoji or depends on a patched font.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One glyph set."""

    name: str
    star: str
    no_star: str
    pointer: str
    here: str
    met: str
    unmet: str
    open_goal: str
    bullet: str
    rule: str
    bar_left: str
    bar_right: str
    bar_line: str
    knob: str
    tick: str
    bad_tick: str
    up: str
    down: str
    fill: str
    """Full shade of bars."""
    half: str
    empty: str
    column: str
    """A vertical divider."""
    slot: str
    """What an unanswered slot is hatched with."""
    frames: str
    """One character per `FrameState`, in its order."""
    cells: str
    """Slab objects: free, used, the driver's, freed by the driver."""
    locked: str
    arrow: str
    dash: str
    back: str
    forward: str
    flag: str
    ellipsis: str


UNICODE: Final = Glyphs(
    name="unicode",
    star="★",
    no_star="☆",
    pointer="▸",
    here="▶",
    met="✓",
    unmet="✗",
    open_goal="○",
    bullet="•",
    rule="─",
    bar_left="├",
    bar_right="┤",
    bar_line="─",
    knob="●",
    tick="┴",
    bad_tick="╳",
    up="▲",
    down="▼",
    fill="█",
    half="▌",
    empty="░",
    column="│",
    slot="▒",
    frames=" ·∘▓■░▚◆╳▤▒·",
    cells="□■◆◇",
    locked="◌",
    arrow="→",
    dash="—",
    back="◂",
    forward="▸",
    flag="⚑",
    ellipsis="…",
)
ASCII: Final = Glyphs(
    name="ascii",
    star="*",
    no_star="-",
    pointer=">",
    here=">",
    met="+",
    unmet="x",
    open_goal="o",
    bullet="*",
    rule="-",
    bar_left="|",
    bar_right="|",
    bar_line="-",
    knob="O",
    tick="'",
    bad_tick="X",
    up="^",
    down="v",
    fill="#",
    half="#",
    empty=".",
    column="|",
    slot="_",
    frames=" .:s@cvdXuk.",
    cells=".#@o",
    locked="?",
    arrow="->",
    dash="-",
    back="<",
    forward=">",
    flag="!",
    ellipsis="~",
)
SETS: Final = {"unicode": UNICODE, "ascii": ASCII}


def stars(glyphs: Glyphs, count: int, of: int = 3) -> str:
    """`count` stars out of `of`, e.g. ★★☆."""
    return glyphs.star * count + glyphs.no_star * (of - count)
