"""Driving the game in tests: wait for conditions, never for time; read the screen as text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot
from tui_fake import services

from kmemquest.tui.app import GameApp
from kmemquest.tui.screens.level import LevelScreen
from kmemquest.tui.services import Services

PATIENCE = 20.0
"""Seconds after which a condition counts as never met; generous, since the machine is shared."""


async def until(pilot: Pilot[None], condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fails with what was waited for and what the screen says."""
    deadline = time.monotonic() + PATIENCE
    while True:
        await pilot.pause()
        if condition():
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what}\n{screen_text(pilot.app)}")
        await asyncio.sleep(0)


def screen_text(app: object) -> str:
    """What the terminal shows, without styles and trailing blanks."""
    assert isinstance(app, GameApp)
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def name_of(app: GameApp) -> str:
    """The name of the screen in front."""
    return str(getattr(app.screen, "NAME", ""))


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys one after the other."""
    await pilot.press(*keys)


async def at(pilot: Pilot[None], name: str) -> None:
    """Wait until a screen is in front and composed."""
    app = pilot.app
    assert isinstance(app, GameApp)
    await until(
        pilot,
        lambda: name_of(app) == name and app.screen.is_mounted and bool(app.screen.size.width),
        f"screen {name}",
    )


async def on_level(pilot: Pilot[None]) -> None:
    """Wait for a level, past the sheet of its demonstrations if it has any."""
    app = pilot.app
    assert isinstance(app, GameApp)
    await until(pilot, lambda: name_of(app) in ("level", "lab-choose"), "the level")
    level = next(s for s in reversed(app.screen_stack) if isinstance(s, LevelScreen))
    if level.demonstrates_first:
        await at(pilot, "lab-choose")
        await press(pilot, "escape")
    await at(pilot, "level")


@asynccontextmanager
async def game(
    given: Services | None = None, size: tuple[int, int] = (80, 24), *, tour: bool = False
) -> AsyncIterator[tuple[GameApp, Pilot[None]]]:
    """A running game with fake suppliers."""
    app = GameApp(given or services(), tour=tour)
    async with app.run_test(size=size, notifications=True) as pilot:
        await at(pilot, "level" if tour else "home")
        yield app, pilot
