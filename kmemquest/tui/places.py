"""Opening the places of the game, with words for the player where a place cannot be opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.tui.model import LevelUnavailable

if TYPE_CHECKING:
    from kmemquest.tui.app import GameApp
    from kmemquest.tui.lab_model import LabCase


def open_place(app: GameApp, place: str) -> None:
    """Open a place of home, or a room of the trainer.

    Home has `continue`, `campaign`, `training`, `quiz`, `lab`, `progress`, `settings`, `about`,
    `tour`; the trainer has `review`, `exam`, `report`.
    """
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
    elif place == "training":
        from kmemquest.tui.screens.round_flow import open_training

        open_training(app)
    elif place == "quiz":
        from kmemquest.tui.screens.quiz_menu import QuizMenuScreen

        app.push_screen(QuizMenuScreen(app.services.trainer.topics()))
    elif place in ("review", "exam", "report"):
        _open_trainer_room(app, place)
    elif place == "lab":
        open_lab(app)
    elif place == "sandbox":
        open_sandbox(app)
    elif place == "progress":
        from kmemquest.tui.screens.progress import ProgressScreen

        app.push_screen(ProgressScreen())
    elif place == "settings":
        from kmemquest.tui.screens.settings import SettingsScreen

        app.push_screen(SettingsScreen())
    elif place == "about":
        from kmemquest.tui.screens.about import about_sheet

        app.push_screen(about_sheet())


def _open_trainer_room(app: GameApp, place: str) -> None:
    """Open review, mock interviews or the report over the bank that ships."""
    from kmemquest.quiz.bank import open_bank
    from kmemquest.tui.quiz_source import checked_bank
    from kmemquest.tui.review_source import open_review

    bank = checked_bank(open_bank)
    if place == "exam":
        from kmemquest.tui.screens.exam_menu import ExamMenuScreen

        app.push_screen(ExamMenuScreen(bank))
        return
    desk = open_review(app.services.store, bank)
    if place == "review":
        from kmemquest.tui.screens.review import ReviewScreen

        app.push_screen(ReviewScreen(desk))
    else:
        from kmemquest.tui.screens.report import ReportScreen

        app.push_screen(ReportScreen(desk))


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


def open_sandbox(app: GameApp, case: LabCase | None = None) -> None:
    """Open the sandbox, empty or on a level's machine with its driver loaded."""
    from kmemquest.tui.sandbox_source import sandbox_case
    from kmemquest.tui.screens.sandbox import SandboxScreen

    app.push_screen(SandboxScreen(case or sandbox_case()))
