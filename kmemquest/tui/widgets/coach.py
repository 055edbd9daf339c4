"""The tour's voice: a panel above the key line that says what to look at and what to press."""

from __future__ import annotations

from kmemquest.tui.widgets.prose import Prose


class Coach(Prose):
    """A docked panel; hidden while nothing is said."""

    DEFAULT_CSS = """
    Coach {
        height: auto;
        max-height: 5;
        background: $panel;
        border-left: outer $accent;
        display: none;
    }
    Coach.-speaking { display: block; }
    """

    def say(self, title: str, text: str) -> None:
        """Say something; nothing hides the panel."""
        self.set_class(bool(text), "-speaking")
        if text:
            self.show(("title", title), ("plain", text))
