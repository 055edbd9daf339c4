"""What all screens share: operations, key line, the guide's panel, words for help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.screen import Screen

from kmemquest.tui.operations import BACK, GAME, Operation, bindings
from kmemquest.tui.widgets.coach import Coach
from kmemquest.tui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from kmemquest.tui.app import GameApp
    from kmemquest.tui.glyphs import Glyphs

__all__ = ["BACK", "GameScreen", "bindings"]


class GameScreen(Screen[None]):
    """A screen of the game. Subclasses compose `body` and list their operations."""

    NAME: ClassVar[str] = ""
    """What the tour and the way back call this screen."""
    ENDS_TOUR: ClassVar[bool] = False
    """Whether who comes here has left the tour's path."""
    OPERATIONS: ClassVar[tuple[Operation, ...]] = (BACK,)
    AUTO_FOCUS = ""

    @property
    def game(self) -> GameApp:
        """The game this screen belongs to."""
        from kmemquest.tui.app import GameApp

        app = self.app
        assert isinstance(app, GameApp)
        return app

    @property
    def glyphs(self) -> Glyphs:
        """The glyph set in force."""
        return self.game.glyphs

    def body(self) -> ComposeResult:
        """The widgets above the guide's panel and the key line."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Body, guide, keys."""
        yield from self.body()
        if self.game.tour is not None:
            yield Coach(id="coach")
        yield KeyLine(self.key_operations(), id="keys")

    def key_operations(self) -> Sequence[Operation]:
        """What the key line shows: the screen's own keys, then help."""
        return (*self.OPERATIONS, GAME[0])

    def on_screen_resume(self) -> None:
        """Let the guide speak on the screen that came to the front."""
        if self.ENDS_TOUR and self.game.screen is self:
            self.game.tour = None
        self.set_class(self.game.tour is not None, "-guided")
        self.refresh_coach()

    def refresh_coach(self) -> None:
        """Let the guide say what belongs here now."""
        tour = self.game.tour
        coach = self.query("#coach")
        if tour is not None and coach:
            title, text = tour.remark(self.NAME)
            coach.first(Coach).say(title, text)
