"""A sheet of text over the screen: hints, the full story, the chain of causes, help."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Click
from textual.screen import ModalScreen

from kmemquest.i18n import N_
from kmemquest.tui.operations import Operation, bindings
from kmemquest.tui.widgets.caption import Rule
from kmemquest.tui.widgets.key_line import KeyLine
from kmemquest.tui.widgets.prose import Paragraph, Prose

CLOSE = Operation(
    "paper.close",
    "q,escape,enter,space",
    "app.leave",
    N_("close"),
    N_("Close this sheet."),
    shown="q",
    palette=False,
)
SCROLL = Operation(
    "paper.scroll",
    "",
    "nothing",
    N_("scroll"),
    N_("Scroll with the arrow keys, page up and page down."),
    shown="↑↓",
    palette=False,
)


class PaperScreen(ModalScreen[None]):
    """Text to read and put away."""

    NAME = "paper"
    CSS_PATH = "paper.tcss"
    OPERATIONS = (SCROLL, CLOSE)
    BINDINGS = bindings((CLOSE,))
    AUTO_FOCUS = "#words"

    def __init__(self, title: str, paragraphs: Sequence[Paragraph]) -> None:
        super().__init__()
        self._title = title
        self._paragraphs = tuple(paragraphs)

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        with Vertical(id="sheet"):
            yield Rule(self._title)
            words = Prose(self._paragraphs, id="words")
            words.can_focus = True
            yield words
            yield KeyLine(self.OPERATIONS)

    def on_click(self, event: Click) -> None:
        """A click beside the sheet closes it."""
        if event.widget is self:
            self.app.pop_screen()
