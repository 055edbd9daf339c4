"""What is shown while the terminal is too small for anything else."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.events import Resize
from textual.screen import Screen

from kmemquest.i18n import _
from kmemquest.tui.operations import GAME, bindings
from kmemquest.tui.widgets.prose import Prose


class TooSmallScreen(Screen[None]):
    """Says how large the terminal must be, and goes away by itself."""

    NAME = "too-small"
    BINDINGS = bindings(GAME[2:])
    AUTO_FOCUS = ""

    def compose(self) -> ComposeResult:
        """One paragraph."""
        yield Prose((), id="words")

    def on_mount(self) -> None:
        """Say it with the size as it is."""
        self._say(self.app.size.width, self.app.size.height)

    def on_resize(self, event: Resize) -> None:
        """Say it with the new size."""
        self._say(event.size.width, event.size.height)

    def _say(self, columns: int, rows: int) -> None:
        self.query_one("#words", Prose).show(
            ("title", "KMemQuest"),
            (
                "plain",
                _("This terminal is too small: {columns}×{rows}.").format(
                    columns=columns, rows=rows
                ),
            ),
            ("plain", _("Please make it at least 80×24. Nothing is lost meanwhile.")),
            ("quiet", _("^q leaves the game; `kmemquest --plain` needs no such room.")),
        )
