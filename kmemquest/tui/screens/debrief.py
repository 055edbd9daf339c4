"""After a level: what it wanted to teach, and where to read on."""

from __future__ import annotations

from textual.app import ComposeResult

from kmemquest.i18n import N_, _
from kmemquest.tui.model import Desk
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.screens.paper import SCROLL
from kmemquest.tui.widgets.caption import Head
from kmemquest.tui.widgets.prose import Paragraph, Prose


class DebriefScreen(GameScreen):
    """Text with references."""

    NAME = "debrief"
    CSS_PATH = "debrief.tcss"
    HELP = "debrief"
    OPERATIONS = (
        SCROLL,
        Operation(
            "debrief.next",
            "n",
            "next_level",
            N_("next level"),
            N_("Go on."),
            shown="n",
        ),
        BACK,
    )
    BINDINGS = bindings(OPERATIONS[1:])
    AUTO_FOCUS = "#words"

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk

    def body(self) -> ComposeResult:
        """Text, references."""
        brief = self.desk.brief
        yield Head(f"{brief.number} {brief.title}".strip(), _("debrief"))
        paragraphs: list[Paragraph] = []
        for paragraph in self.desk.debrief().strip().split("\n\n"):
            paragraphs += [("plain", " ".join(paragraph.split())), ("plain", "")]
        references = self.desk.references()
        if references:
            paragraphs.append(("link", _("Read on:")))
            paragraphs += [("quiet", f"{self.glyphs.bullet} {text}") for text in references]
        words = Prose(paragraphs, indent=2, id="words")
        words.can_focus = True
        yield words

    def action_next_level(self) -> None:
        """The level after this one."""
        self.app.pop_screen()
        go_on = getattr(self.app.screen, "action_next_level", None)
        if go_on is not None:
            go_on()
