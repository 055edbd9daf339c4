"""The game's own colours: calm dark, calm light, colour-blind-safe and high contrast.

The hues of the third are those of Okabe and Ito, told apart by every common kind of colour
vision. No theme is needed to read a state: glyph and word say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from textual.theme import Theme

DEFAULT: Final = "calm-dark"
NAMES: Final = ("calm-dark", "calm-light", "okabe-ito", "high-contrast")

VARIABLES: Final = {
    "quiet": "#7d8796",
    "line": "#3a4250",
    "cursor": "#2c3a4d",
    "glow": "#f0c674",
    "code-keyword": "#8fb3d9",
    "code-type": "#84b8ae",
    "code-string": "#b5bd85",
    "code-number": "#cda27f",
    "code-comment": "#76808f",
    "code-macro": "#b49ac4",
    "frame-reserved": "#545d6b",
    "frame-free": "#545d6b",
    "frame-memblock": "#545d6b",
    "frame-pcp": "#7f95ad",
    "frame-cache": "#6f8f80",
    "frame-kernel": "#7d8796",
    "frame-user": "#7d8796",
    "frame-slab": "#8f86b8",
    "frame-vmalloc": "#6ea3a8",
    "frame-dma": "#c08f6a",
    "frame-yours": "#e2c275",
}
"""Colours beyond Textual's own, by name, as the default theme has them."""


def build_themes() -> tuple[Theme, ...]:
    """All themes, the default first."""
    from textual.theme import Theme

    dark = Theme(
        name="calm-dark",
        primary="#7fa7d1",
        secondary="#84b8ae",
        accent="#e2c275",
        warning="#e0ae68",
        error="#e08080",
        success="#93c088",
        foreground="#d3d8e0",
        background="#161a20",
        surface="#1b2027",
        panel="#222831",
        dark=True,
        variables=dict(VARIABLES),
    )
    light = Theme(
        name="calm-light",
        primary="#28598c",
        secondary="#1f6f68",
        accent="#8a5a00",
        warning="#8f5a00",
        error="#a82e2e",
        success="#2d6a2d",
        foreground="#22272e",
        background="#f7f5f0",
        surface="#f0eee8",
        panel="#e6e3db",
        dark=False,
        variables={
            "quiet": "#666d77",
            "line": "#c4c0b6",
            "cursor": "#dbe4ef",
            "glow": "#8a5a00",
            "code-keyword": "#28598c",
            "code-type": "#1f6f68",
            "code-string": "#55651a",
            "code-number": "#8f4a1a",
            "code-comment": "#7a7f87",
            "code-macro": "#70418c",
            "frame-reserved": "#9a9fa6",
            "frame-free": "#9a9fa6",
            "frame-memblock": "#9a9fa6",
            "frame-pcp": "#5a7694",
            "frame-cache": "#4a7a60",
            "frame-kernel": "#6a717b",
            "frame-user": "#6a717b",
            "frame-slab": "#5f5496",
            "frame-vmalloc": "#20747c",
            "frame-dma": "#a0561c",
            "frame-yours": "#8a5a00",
        },
    )
    okabe_ito = Theme(
        name="okabe-ito",
        primary="#56b4e9",
        secondary="#009e73",
        accent="#f0e442",
        warning="#e69f00",
        error="#ff8c4a",
        success="#56b4e9",
        foreground="#e6e6e6",
        background="#121212",
        surface="#191919",
        panel="#242424",
        dark=True,
        variables={
            **VARIABLES,
            "quiet": "#9a9a9a",
            "line": "#4a4a4a",
            "cursor": "#1e3a4c",
            "glow": "#f0e442",
            "code-keyword": "#56b4e9",
            "code-type": "#4cc4a0",
            "code-string": "#f0e442",
            "code-number": "#e69f00",
            "code-comment": "#9a9a9a",
            "code-macro": "#cc79a7",
            "frame-pcp": "#9a9a9a",
            "frame-cache": "#009e73",
            "frame-kernel": "#9a9a9a",
            "frame-user": "#9a9a9a",
            "frame-slab": "#56b4e9",
            "frame-vmalloc": "#cc79a7",
            "frame-dma": "#e69f00",
            "frame-yours": "#f0e442",
        },
    )
    contrast = Theme(
        name="high-contrast",
        primary="#ffffff",
        secondary="#00ffff",
        accent="#ffff00",
        warning="#ffd000",
        error="#ff9090",
        success="#80ff80",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#101010",
        dark=True,
        variables={
            "quiet": "#d0d0d0",
            "line": "#909090",
            "cursor": "#00408a",
            "glow": "#ffff00",
            "code-keyword": "#80d0ff",
            "code-type": "#80ffe0",
            "code-string": "#ffff90",
            "code-number": "#ffd0a0",
            "code-comment": "#c0c0c0",
            "code-macro": "#ffb0ff",
            "frame-reserved": "#a0a0a0",
            "frame-free": "#a0a0a0",
            "frame-memblock": "#a0a0a0",
            "frame-pcp": "#d0d0d0",
            "frame-cache": "#80ff80",
            "frame-kernel": "#d0d0d0",
            "frame-user": "#d0d0d0",
            "frame-slab": "#80d0ff",
            "frame-vmalloc": "#ffb0ff",
            "frame-dma": "#ffd0a0",
            "frame-yours": "#ffff00",
        },
    )
    return dark, light, okabe_ito, contrast
