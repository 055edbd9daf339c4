"""Training and tests from screen to screen: beginning one, and going on after a verdict."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kmemquest.i18n import _
from kmemquest.tui.model import LevelUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kmemquest.tui.app import GameApp
    from kmemquest.tui.model import Desk
    from kmemquest.tui.round_model import Round

CALM = 6
"""Seconds that a message of a round stays."""


def open_training(app: GameApp, seed: int | None = None) -> None:
    """Draw a level to train with, and show it."""
    _open_in_thread(app, lambda: app.services.library.train(app.services.store, seed))


def open_test(app: GameApp, world: str) -> None:
    """Begin a world's test, or go on with it."""
    _open_in_thread(app, lambda: app.services.library.sit_test(app.services.store, world))


def go_on(app: GameApp, round_: Round) -> None:
    """Leave a finished level of a round for the next one, or for the map when it is over."""
    _open_in_thread(app, round_.following, leave=True)


def _open_in_thread(app: GameApp, find: Callable[[], Desk | None], *, leave: bool = False) -> None:
    """A draw runs a level's solution once, hence the thread."""

    def work() -> None:
        try:
            desk = find()
        except LevelUnavailable as error:
            app.call_from_thread(partial(app.notify, str(error), severity="warning", timeout=CALM))
            return
        app.call_from_thread(partial(_show, app, desk, leave=leave))

    app.run_worker(work, thread=True, group="round", exclusive=True)


def _show(app: GameApp, desk: Desk | None, *, leave: bool) -> None:
    if leave:
        below = {getattr(screen, "NAME", "") for screen in app.screen_stack}
        app.back_to("campaign" if "campaign" in below else "home")
    if desk is not None:
        app.show_level(desk)
        app.tell_trouble()


def refused(app: GameApp, what: Round | None) -> bool:
    """Say that something is not to be had during a test; True when it is not."""
    if what is None or what.kind != "test" or not what.may_retry:
        return False
    app.notify(_("Not during a test: here only your own answer counts."), timeout=CALM)
    return True
