"""Help: what this screen is, what the focused widget is, and all keys."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from kmemquest.i18n import _
from kmemquest.tui.help_texts import SCREENS, WIDGETS
from kmemquest.tui.operations import GAME, Operation, plain_keys
from kmemquest.tui.screens.paper import PaperScreen
from kmemquest.tui.widgets.prose import Paragraph


def help_for(screen: Screen[Any]) -> PaperScreen:
    """The help sheet of a screen as it is now."""
    name = getattr(screen, "NAME", "")
    paragraphs: list[Paragraph] = []
    if name in SCREENS:
        paragraphs += [("plain", _(SCREENS[name])), ("plain", "")]
    focused = getattr(screen.focused, "HELP", "") if screen.focused is not None else ""
    if focused in WIDGETS:
        paragraphs += [("accent", _(WIDGETS[focused])), ("plain", "")]
    own: tuple[Operation, ...] = getattr(screen, "OPERATIONS", ())
    ascii_only = getattr(getattr(screen, "glyphs", None), "name", "") == "ascii"
    for operation in (*own, *GAME):
        keys = operation.key_text.strip() or operation.shown
        if ascii_only:
            keys = plain_keys(keys)
        paragraphs.append(("plain", f"{keys}\t{_(operation.help)}"))
    return PaperScreen(_("help"), paragraphs)
