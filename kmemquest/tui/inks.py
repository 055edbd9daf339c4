"""Rich styles by word, made from the theme's variables once per theme.

Line widgets draw thousands of cells; a CSS component class per tone would cost a stylesheet
look-up per widget and tone, one shared table costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rich.style import Style

RECIPES: Final[Mapping[str, str]] = {
    "plain": "foreground",
    "strong": "bold foreground",
    "quiet": "quiet",
    "line": "line",
    "accent": "accent",
    "title": "bold accent",
    "key": "bold primary",
    "link": "primary",
    "good": "success",
    "bad": "bold error",
    "warn": "warning",
    "glow": "bold glow",
    "slot": "bold glow",
    "keyword": "code-keyword",
    "type": "code-type",
    "string": "code-string",
    "number": "code-number",
    "comment": "italic code-comment",
    "macro": "code-macro",
    "frame-hole": "line",
    "frame-reserved": "frame-reserved",
    "frame-free": "frame-free",
    "frame-pcp": "frame-pcp",
    "frame-cache": "frame-cache",
    "frame-kernel": "frame-kernel",
    "frame-slab": "frame-slab",
    "frame-vmalloc": "frame-vmalloc",
    "frame-dma": "frame-dma",
    "frame-yours": "bold frame-yours",
    "frame-user": "frame-user",
    "frame-memblock": "frame-memblock",
}
"""Tone → attributes and the theme variable of its colour."""


class Inks:
    """The styles of one theme."""

    __slots__ = ("_styles", "changed", "cursor")

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._styles = {}
        for tone, recipe in RECIPES.items():
            *attributes, variable = recipe.split()
            color = variables.get(variable, "")
            if not color.startswith("#"):
                color = ""
            self._styles[tone] = Style.parse(" ".join([*attributes, color[:7]]).strip() or "none")
        # Reverse and bold also where there is no colour: a cursor must never be a hue only.
        self.cursor = Style(bgcolor=variables["cursor"][:7], bold=True)
        self.changed = Style(reverse=True)

    def __getitem__(self, tone: str) -> Style:
        return self._styles[tone]


@lru_cache(maxsize=8)
def _inks(items: tuple[tuple[str, str], ...]) -> Inks:
    return Inks(dict(items))


def inks_of(variables: Mapping[str, str]) -> Inks:
    """The styles for a theme's variables; the same variables give the same object."""
    used = {recipe.split()[-1] for recipe in RECIPES.values()} | {"cursor"}
    return _inks(tuple((name, variables[name]) for name in sorted(used) if name in variables))
