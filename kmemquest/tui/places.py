"""Opening the places of the game, with words for the player where a place cannot be opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.tui.model import LevelUnavailable

if TYPE_CHECKING:
    from kmemquest.tui.app import GameApp
    from kmemquest.tui.lab_model import LabCase


def open_place(app: GameApp, place: str) -> None:
    """Open `continue`, `campaign`, `quiz`, `lab`, `progress`, `settings`, `about` or `tour`."""
    try:
        _open(app, place)
    except LevelUnavailable as error:
        app.notify(str(error), severity="error", timeout=12)


def _open(app: GameApp, place: str) -> None:
    if place == "continue":
        last = app.services.store.last_level()
        if last:
            open_level(app, last)
        else:
            app.start_tour()
    elif place == "tour":
        app.start_tour()
    elif place == "campaign":
        from kmemquest.tui.screens.campaign import CampaignScreen

        app.push_screen(CampaignScreen(app.services.library.entries()))
    elif place == "quiz":
        from kmemquest.tui.screens.quiz_menu import QuizMenuScreen

        app.push_screen(QuizMenuScreen(app.services.trainer.topics()))
    elif place == "lab":
        open_lab(app)
    elif place == "progress":
        from kmemquest.tui.screens.progress import ProgressScreen

        app.push_screen(ProgressScreen())
    elif place == "settings":
        from kmemquest.tui.screens.settings import SettingsScreen

        app.push_screen(SettingsScreen())
    elif place == "about":
        from kmemquest.tui.screens.about import about_sheet

        app.push_screen(about_sheet())


def open_level(app: GameApp, level: str) -> None:
    """Open a level, or say why it cannot be opened."""
    try:
        desk = app.services.library.open(level)
    except LevelUnavailable as error:
        app.notify(str(error), severity="error", timeout=12)
        return
    app.services.store.opened_level(level)
    app.services.store.set("last-title", f"{desk.brief.number} {desk.brief.title}")
    app.tell_trouble()
    app.show_level(desk)


def open_lab(app: GameApp, case: LabCase | None = None, file: str = "") -> None:
    """Open the driver lab on a case, on a file, or empty; says why a file cannot be opened."""
    from kmemquest.tui.lab_files import FileTrouble, case_of_file
    from kmemquest.tui.lab_model import empty_case
    from kmemquest.tui.screens.lab import LabScreen

    try:
        chosen = case or (case_of_file(file) if file else empty_case())
    except FileTrouble as trouble:
        app.notify(str(trouble), severity="error", timeout=12)
        return
    app.push_screen(LabScreen(chosen))
