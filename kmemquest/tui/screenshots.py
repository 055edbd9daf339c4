"""Pictures of every screen from the running game: `python -m kmemquest.tui.screenshots [FOLDER]`.

The pictures are the same on every machine: an empty save in memory, a fixed size, no motion.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kmemquest.store import Store
from kmemquest.tui.app import GameApp
from kmemquest.tui.preferences import Preferences
from kmemquest.tui.services import Services

if TYPE_CHECKING:
    from textual.pilot import Pilot

NARROW = (80, 24)
WIDE = (160, 50)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: the keys that lead there from home, each with the screen that they open."""

    name: str
    way: tuple[tuple[str, str], ...]
    size: tuple[int, int] = NARROW
    language: str = "en"
    theme: str = "calm-dark"
    glyphs: str = "unicode"


LEVEL = (("m", "campaign"), ("enter", "level"))
FAILED = (*LEVEL, ("3", "level"), ("right", "level"), ("enter", "watch"))
SOLVED = (*LEVEL, ("1", "level"), ("right", "level"), ("right", "level"), ("right", "level"))
WATCHED = (*SOLVED, ("enter", "watch"))
SHOTS: tuple[Shot, ...] = (
    Shot("home", ()),
    Shot("campaign", (("m", "campaign"),)),
    Shot("level", (*LEVEL, ("down", "level"))),
    Shot("level-wide", (*LEVEL, ("down", "level")), WIDE),
    Shot("level-zh", (*LEVEL, ("down", "level")), language="zh_CN"),
    Shot("level-light", (*LEVEL, ("down", "level")), theme="calm-light"),
    Shot("watch", (*WATCHED, ("n", "watch"), ("n", "watch"), ("n", "watch"))),
    Shot("watch-wide", (*FAILED, ("e", "watch")), WIDE),
    Shot("watch-okabe-ito", (*FAILED, ("e", "watch"), ("m", "watch")), theme="okabe-ito"),
    Shot("watch-ascii", (*WATCHED, ("n", "watch")), glyphs="ascii", theme="high-contrast"),
    Shot("why", (*FAILED, ("e", "watch"), ("w", "paper"))),
    Shot("verdict-failed", (*FAILED, ("v", "verdict"))),
    Shot("verdict", (*WATCHED, ("v", "verdict"))),
    Shot("debrief", (*WATCHED, ("v", "verdict"), ("d", "debrief"))),
    Shot("quiz-topics", (("i", "quiz-menu"),)),
    Shot("quiz", (("i", "quiz-menu"), ("enter", "quiz"), ("enter", "quiz"))),
    Shot("progress", (("p", "progress"),)),
    Shot("settings", (("s", "settings"),)),
    Shot("help", (*LEVEL, ("question_mark", "paper"))),
    Shot("tour", (("t", "level"),)),
    Shot("too-small", (), (40, 10)),
)


async def take(shot: Shot) -> str:
    """Run the game up to a picture; returns it as SVG."""
    preferences = Preferences(shot.language, shot.theme, "none", shot.glyphs)
    app = GameApp(Services.shipped(Store.in_memory(), preferences))
    async with app.run_test(size=shot.size) as pilot:
        if shot.name != "too-small":
            await _settled(pilot, app, lambda: _name(app) == "home")
        for key, screen in shot.way:
            await pilot.press(key)
            await _settled(pilot, app, lambda screen=screen: _name(app) == screen)  # type: ignore[misc]
        await app.workers.wait_for_complete()
        await _settled(pilot, app, lambda: True)
        return _steady(app.export_screenshot(title="KMemQuest"))


def _name(app: GameApp) -> str:
    return str(getattr(app.screen, "NAME", ""))


async def _settled(pilot: Pilot[None], app: GameApp, arrived: Callable[[], bool]) -> None:
    """Wait for a screen, then for everything it has begun."""
    for _ in range(2000):
        await pilot.pause()
        if arrived():
            break
        await app.workers.wait_for_complete()
    else:
        raise RuntimeError(f"the screen never came; {_name(app)} is shown")
    await pilot.pause()
    await pilot.pause()


def _steady(svg: str) -> str:
    """The picture without the identifiers that differ from run to run."""
    found = re.search(r"terminal-\d+-", svg)
    return svg.replace(found.group(), "terminal-") if found else svg


def main(arguments: Sequence[str]) -> int:
    """Write all pictures, or those named after the folder."""
    folder = Path(arguments[0]) if arguments else Path("assets/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set(arguments[1:])
    for shot in SHOTS:
        if wanted and shot.name not in wanted:
            continue
        work: Awaitable[str] = take(shot)
        svg = asyncio.run(_run(work))
        (folder / f"{shot.name}.svg").write_text(svg, encoding="utf-8")
        print(f"{folder / shot.name}.svg")
    return 0


async def _run(work: Awaitable[str]) -> str:
    return await work


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
