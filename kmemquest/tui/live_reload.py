"""A level under its author's hands: shown anew whenever its files change, answers kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from kmemquest.i18n import _
from kmemquest.level.watch import LevelWatch, Reload
from kmemquest.tui.level_source import desk_of
from kmemquest.tui.screens.level import LevelScreen
from kmemquest.tui.screens.paper import PaperScreen

if TYPE_CHECKING:
    from kmemquest.tui.app import GameApp
    from kmemquest.tui.widgets.prose import Paragraph

INTERVAL: Final = 0.3
"""Seconds between two looks at the files."""


class ProblemSheet(PaperScreen):
    """What is wrong with the files as they are now."""

    NAME = "problems"
    CSS_PATH = "screens/paper.tcss"


class LiveReload:
    """Looks after one level file as long as the game runs."""

    def __init__(self, app: GameApp, file: str) -> None:
        self._app = app
        self._watch = LevelWatch(Path(file))

    def begin(self) -> None:
        """Show the level, then look at its files several times a second."""
        self.look()
        self._app.set_interval(INTERVAL, self.look)

    def look(self) -> None:
        """Show what came of a change, if there was one."""
        change = self._watch.poll()
        if change is None:
            return
        self._close_problems()
        if change.sound:
            self._show(change)
        else:
            self._tell(change)

    def _close_problems(self) -> None:
        if isinstance(self._app.screen, ProblemSheet):
            self._app.pop_screen()

    def _show(self, change: Reload) -> None:
        """The level anew, with the answers and the place that the player had."""
        assert change.level is not None
        app = self._app
        answers: dict[str, str] | None = None
        old = [screen for screen in app.screen_stack if isinstance(screen, LevelScreen)]
        if old:
            answers = old[0].answers
            while old[0] in app.screen_stack:
                app.pop_screen()
        app.push_screen(LevelScreen(desk_of(change.level), answers))
        if change.unfinished:
            app.notify(change.unfinished, severity="warning", timeout=3)
        elif old:
            app.notify(_("The level was loaded again."), timeout=2)

    def _tell(self, change: Reload) -> None:
        glyphs = self._app.glyphs
        paragraphs: list[Paragraph] = [
            ("plain", _("The level stays as it was until this is mended:")),
            ("plain", ""),
        ]
        for problem in change.problems:
            place = f"{problem.file}:{problem.line}:{problem.column}"
            paragraphs.append(("bad", f"{glyphs.unmet} {place}: {problem.message}"))
            if problem.hint:
                paragraphs.append(("quiet", f"  {glyphs.arrow} {problem.hint}"))
        self._app.push_screen(ProblemSheet(_("problems"), paragraphs))
