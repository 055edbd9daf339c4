"""The full-screen game. Screens are imported when they are first shown."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App

from kmemquest.i18n import _, language_of_environment, set_language
from kmemquest.tui import glyphs as glyph_sets
from kmemquest.tui import themes
from kmemquest.tui.inks import Inks, inks_of
from kmemquest.tui.operations import GAME, bindings
from kmemquest.tui.services import Services
from kmemquest.tui.tour import Tour

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.command import Provider
    from textual.events import Resize
    from textual.geometry import Size
    from textual.screen import Screen

    from kmemquest.tui.glyphs import Glyphs
    from kmemquest.tui.lab_model import LabCase
    from kmemquest.tui.model import Desk

MINIMUM = (80, 24)
"""Columns and rows below which nothing can be read."""
UNABLE = ("dumb", "unknown")
"""Terminal types that print from left to right and nothing else."""


def run(
    *,
    tour: bool = False,
    language: str | None = None,
    level: str | None = None,
    lab: str | None = None,
    sandbox: str | None = None,
    watch: bool = False,
    start: Callable[[GameApp], None] | None = None,
) -> int:
    """Play in this terminal until the player leaves; returns the process's exit status.

    `level` is the id or the file of a level to open at once; `lab` opens the driver lab, on the
    file of that name if it is not empty; `sandbox` the sandbox, on that level's machine if it is
    not empty; `watch` loads the level anew when its files change; `start` opens anything else. A
    terminal that cannot place a cursor is told so, with status 2.
    """
    if os.environ.get("TERM") in UNABLE:
        set_language(language or language_of_environment(dict(os.environ)))
        print(_("This terminal cannot place a cursor; `kmemquest --plain` plays line by line."))
        return 2
    services = Services.real(language)
    app = GameApp(services, tour=tour, level=level, lab=lab, sandbox=sandbox, watch=watch)
    app.start = start
    try:
        app.run()
    finally:
        services.store.close()
    return app.return_code or 0


def _provider() -> type[Provider]:
    from kmemquest.tui.command_search import OperationSearch

    return OperationSearch


class GameApp(App[None]):
    """The game: its services, its settings in force, and the way between screens."""

    TITLE = "KMemQuest"
    # Textual loads no style sheet for a default screen, hence home's stands here.
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "screens/home.tcss"]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_provider}
    ENABLE_COMMAND_PALETTE = True
    BINDINGS = bindings(GAME)

    def __init__(
        self,
        services: Services,
        *,
        tour: bool = False,
        level: str | None = None,
        lab: str | None = None,
        sandbox: str | None = None,
        watch: bool = False,
    ) -> None:
        set_language(services.preferences.language)
        super().__init__()
        self.services = services
        self.tour: Tour | None = None
        self._tour_first = tour
        self._first_level = level
        self._lab = lab
        self._sandbox = sandbox
        self._watch = watch
        self.start: Callable[[GameApp], None] | None = None
        """Opens what was asked for, as soon as home is shown."""
        self._told: str | None = None
        self._inks: tuple[str, Inks] | None = None
        for theme in themes.build_themes():
            self.register_theme(theme)
        self.theme = services.preferences.theme
        self._obey_motion()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The game's own colours for themes that do not define them."""
        return themes.VARIABLES

    def get_default_screen(self) -> Screen[Any]:
        """Home."""
        from kmemquest.tui.screens.home import HomeScreen

        return HomeScreen()

    @property
    def glyphs(self) -> Glyphs:
        """The glyph set in force."""
        return glyph_sets.SETS[self.services.preferences.glyphs]

    @property
    def inks(self) -> Inks:
        """The styles of the theme in force."""
        if self._inks is None or self._inks[0] != self.theme:
            self._inks = (self.theme, inks_of(self.theme_variables))
        return self._inks[1]

    def on_mount(self) -> None:
        """Start the tour, or open the level, that was asked for."""
        first = (self._tour_first or None, self._first_level, self._lab, self._sandbox, self.start)
        if any(wish is not None for wish in first):
            self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """Open what was asked for, as soon as the terminal is large enough."""
        if self._too_small(self.size):
            self.set_timer(0.5, self._begin)
        elif self._tour_first:
            self.start_tour()
        elif self._first_level is not None and self._watch:
            from kmemquest.tui.live_reload import LiveReload

            LiveReload(self, self._first_level).begin()
        elif self._first_level is not None:
            self.open_level(self._first_level)
        elif self._sandbox is not None:
            self.action_go("sandbox") if not self._sandbox else self.open_sandbox(
                self.services.library.open(self._sandbox).lab({})
            )
        elif self._lab is not None:
            self.open_lab(file=self._lab)
        elif self.start is not None:
            self.start(self)

    def _too_small(self, size: Size) -> bool:
        return size.width < MINIMUM[0] or size.height < MINIMUM[1]

    def on_resize(self, event: Resize) -> None:
        """Say so when the terminal is too small, and come back when it is not."""
        from kmemquest.tui.screens.too_small import TooSmallScreen

        small = self._too_small(event.size)
        shown = isinstance(self.screen, TooSmallScreen)
        if small and not shown:
            self.push_screen(TooSmallScreen())
        elif shown and not small:
            self.pop_screen()

    # --- settings -----------------------------------------------------------------------------

    def change(self, name: str, value: str) -> None:
        """Change a setting, save it, and show the game as it is now."""
        setattr(self.services.preferences, name, value)
        self.services.store.set(name, value)
        if name == "theme":
            self.theme = value
        elif name == "motion":
            self._obey_motion()
        elif name == "language":
            set_language(value)
            self.services.language_changed()
        self.tell_trouble()
        for screen in self.screen_stack:
            if name in ("language", "glyphs"):
                screen.refresh(recompose=True)

    def _obey_motion(self) -> None:
        self.animation_level = "full" if self.services.preferences.motion == "full" else "none"

    def tell_trouble(self) -> None:
        """Say once what is wrong with the save file."""
        trouble = self.services.store.trouble
        if trouble is not None and trouble.kind != self._told:
            from kmemquest.tui.wording import word_trouble

            self.notify(word_trouble(trouble), title=_("Saving"), severity="warning", timeout=12)
        self._told = trouble.kind if trouble is not None else None

    # --- the way between screens ----------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave the screen, or the game from home."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self.exit()

    def back_to(self, name: str) -> None:
        """Go back to the last screen of a name; home if there is none."""
        while len(self.screen_stack) > 1 and getattr(self.screen, "NAME", "") != name:
            self.pop_screen()

    def action_go(self, place: str) -> None:
        """Open one of the places that home offers."""
        from kmemquest.tui import places

        places.open_place(self, place)

    def open_level(self, level: str) -> None:
        """Open a level; says why where that is impossible."""
        from kmemquest.tui import places

        places.open_level(self, level)

    def open_lab(self, case: LabCase | None = None, file: str = "") -> None:
        """Open the driver lab."""
        from kmemquest.tui import places

        places.open_lab(self, case, file)

    def open_sandbox(self, case: LabCase | None = None) -> None:
        """Open the sandbox, empty or with a level's driver loaded."""
        from kmemquest.tui import places

        places.open_sandbox(self, case)

    def show_level(self, desk: Desk) -> None:
        """Show an open level."""
        from kmemquest.tui.screens.level import LevelScreen

        self.push_screen(LevelScreen(desk))

    def action_show_help(self) -> None:
        """Explain the screen and the widget that has the focus."""
        from kmemquest.tui.screens.help import help_for

        self.push_screen(help_for(self.screen))

    # --- the tour -------------------------------------------------------------------------------

    def start_tour(self) -> None:
        """Open the first level with a guide beside it."""
        self.tour = Tour()
        entries = self.services.library.entries()
        if entries:
            self.open_level(entries[0].id)

    def happened(self, deed: str) -> None:
        """Tell the guide what the player did."""
        if self.tour is None:
            return
        self.tour.happened(deed)
        if deed == "won":
            self.services.store.set("tour", "done")
        refresh = getattr(self.screen, "refresh_coach", None)
        if refresh is not None:
            refresh()
