"""What a level shows before the player's turn: a mistake first, then how it is done.

A sheet tells what is to come and offers to skip it; each run is then stepped through with its
sentence below the log. Enter goes on, q goes to the player's own turn, d shows all of it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.types import CSSPathType

from kmemquest.i18n import N_, _
from kmemquest.tui.model import Desk, Play
from kmemquest.tui.operations import Operation
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.screens.watch import STEPPING, PlayScreen
from kmemquest.tui.widgets.caption import Rule
from kmemquest.tui.widgets.choice_list import Choice
from kmemquest.tui.widgets.prose import Prose

_NEXT = Operation(
    "show.next",
    "enter,v",
    "go_on",
    N_("go on"),
    N_("On to the next demonstration, and then to your own turn."),
    shown="⏎",
)
_SKIP = Operation(
    "show.skip",
    "q,escape",
    "app.leave",
    N_("your turn"),
    N_("Leave the demonstrations; on the level's screen d shows them again."),
    shown="q",
)


class DemonstrationScreen(PlayScreen):
    """A run to look at before the player's turn, with the sentence that belongs to it."""

    NAME = "demonstration"
    HELP = "demonstration"
    CSS_PATH: ClassVar[CSSPathType | None] = ["watch.tcss", "demonstration.tcss"]
    OPERATIONS = (_NEXT, *STEPPING[:8], _SKIP, *STEPPING[8:])
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, desk: Desk, play: Play, index: int, on_next: Callable[[], None]) -> None:
        brief = desk.brief
        mistake = brief.shows[index].mistake
        title = f"{brief.number} {_what(mistake)}".strip()
        # A mistake is looked at where it happens; the way there is behind the left arrow key.
        first = play.verdict.first_bad_step if mistake else None
        super().__init__(title, brief.machine, play, first or 0)
        self._rule = _("look first: {number} of {count}").format(
            number=index + 1, count=len(brief.shows)
        )
        self._sentence = brief.shows[index].text
        self._mistake = mistake
        self._on_next = on_next

    def key_operations(self) -> tuple[Operation, ...]:
        """Going on and leaving come first."""
        asked = ("show.next", "watch.forward", "watch.next", "watch.play", "watch.why", "show.skip")
        shown = {operation.id: operation for operation in super().key_operations()}
        return (*(shown[name] for name in asked), shown["game.help"])

    def below(self) -> ComposeResult:
        """What is shown here, in words."""
        yield Rule(f"{self._rule} {self.glyphs.bullet} {_what(self._mistake)}")
        yield Prose((("warn" if self._mistake else "good", self._sentence),), id="sentence")

    def action_go_on(self) -> None:
        """Close this one; the level's screen knows what comes next."""
        self._stop()
        self._on_next()
        self.app.pop_screen()


def _what(mistake: bool) -> str:
    return _("a mistake") if mistake else _("how it is done")


class DemonstratingScreen(GameScreen):
    """A level's first screen as far as its demonstrations go."""

    desk: Desk

    class Shown(Message):
        """A demonstration is ready to be watched."""

        def __init__(self, index: int, play: Play) -> None:
            super().__init__()
            self.index = index
            self.play = play

    def action_demonstrate(self) -> None:
        """Tell what there is to see, then show it, or not."""
        shows = self.desk.brief.shows
        if not shows:
            self.notify(_("This level has no demonstration."), timeout=3)
            return
        from kmemquest.tui.screens.lab_sheets import ChooseScreen

        words = "\n".join(
            f"{number}. {_what(show.mistake)}: {show.text}" for number, show in enumerate(shows, 1)
        )
        choices = (Choice("look", _("Watch it run")), Choice("skip", _("Go on to your own turn")))

        def answered(answer: str | None) -> None:
            if answer == "look":
                self._run_show(0)

        self.app.push_screen(ChooseScreen(_("look first"), words, choices), answered)

    @work(thread=True, exclusive=True, group="run", exit_on_error=False)
    def _run_show(self, index: int) -> None:
        self.post_message(self.Shown(index, self.desk.demonstrate(index)))

    @on(Shown)
    def _show_ready(self, event: Shown) -> None:
        def go_on() -> None:
            if event.index + 1 < len(self.desk.brief.shows):
                self._run_show(event.index + 1)

        if not event.play.marks:
            go_on()
            return
        self.app.push_screen(DemonstrationScreen(self.desk, event.play, event.index, go_on))
