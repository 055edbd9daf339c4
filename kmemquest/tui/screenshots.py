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

from kmemquest.store import Attempt, QuizAnswer, Store
from kmemquest.tui.app import GameApp
from kmemquest.tui.preferences import Preferences
from kmemquest.tui.services import Services

if TYPE_CHECKING:
    from textual.pilot import Pilot

NARROW = (80, 24)
WIDE = (160, 50)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: the keys that lead there, each with the screen that it opens.

    The way begins at home, or at a `level`; `played` begins with a save that has something in it.
    """

    name: str
    way: tuple[tuple[str, str], ...]
    size: tuple[int, int] = NARROW
    language: str = "en"
    theme: str = "calm-dark"
    glyphs: str = "unicode"
    level: str = ""
    played: bool = False


RUN = (("right", "level"), ("right", "level"), ("enter", "watch"))
"""Predict, then run."""
GOOD = (("2", "level"), ("right", "level"), *RUN)
BAD = (("1", "level"), ("right", "level"), *RUN)
LAST = (("4", "level"), ("right", "level"), *RUN)
STEPS = (("n", "watch"),) * 4
RX = "rx-ring-refill"
LAB_SLIP = (*((("down", "lab"),) * 8), ("end", "lab"), ("backspace", "lab"))
"""Takes a semicolon away."""
LAB_BAD = (("1", "level"), ("l", "lab"), ("ctrl+r", "lab-run"))
_SIGNS = {" ": "space", "(": "left_parenthesis", ")": "right_parenthesis", "<": "less_than_sign",
          ",": "comma", "_": "underscore", "=": "equals_sign"}  # fmt: skip
TYPED = (
    ("x", "sandbox"),
    *((_SIGNS.get(sign, sign), "sandbox") for sign in "p = vmalloc(9000)"),
    ("enter", "sandbox"),
    *((_SIGNS.get(sign, sign), "sandbox") for sign in "kmalloc(8 << 20, GFP_ATOMIC)"),
    ("enter", "sandbox"),
)
"""Two statements, the second of which fails."""
EXAM = (
    ("i", "quiz-menu"),
    ("m", "exam-menu"),
    ("p", "lab-name"),
    *((("backspace", "lab-name"),) * len("random")),
    ("7", "lab-name"),
    ("enter", "exam-menu"),
    ("enter", "exam"),
)
"""Begins the shortest interview, always with the same paper."""
EXAM_END = (
    ("a", "exam"),
    ("enter", "exam"),
    ("f10", "lab-choose"),
    ("down", "lab-choose"),
    ("enter", "exam-report"),
)
COURT = (("i", "quiz-menu"), *((("down", "quiz-menu"),) * 8), ("enter", "quiz"))
"""The topic of claims on trial."""
SHOTS: tuple[Shot, ...] = (
    Shot("home", ()),
    Shot("campaign", (("m", "campaign"),), played=True),
    Shot("level", (), level=RX),
    Shot("level-wide", (("2", "level"),), WIDE, level=RX),
    Shot("level-zh", (("2", "level"),), level=RX, language="zh_CN"),
    Shot("level-light", (("2", "level"),), level=RX, theme="calm-light"),
    Shot("watch", (*GOOD, *STEPS), level=RX),
    Shot("watch-wide", (*GOOD, *STEPS), WIDE, level=RX),
    Shot("watch-bug", (*BAD, ("e", "watch")), level=RX),
    Shot("watch-slabs", (*GOOD, *STEPS, *(("m", "watch"),) * 2), level=RX),
    Shot("watch-lists", (*LAST, ("m", "watch")), level="lookup-tables"),
    Shot("watch-vmalloc", (*LAST, *(("m", "watch"),) * 3), level="lookup-tables"),
    Shot("watch-dma", (*BAD, *STEPS[1:], *(("m", "watch"),) * 5), level="sensor-stream"),
    Shot("watch-okabe-ito", (*GOOD, *STEPS), level=RX, theme="okabe-ito"),
    Shot("watch-ascii", (*GOOD, *STEPS), level=RX, glyphs="ascii", theme="high-contrast"),
    Shot("why", (*BAD, ("e", "watch"), ("w", "paper")), level=RX),
    Shot("verdict-failed", (*BAD, ("v", "verdict")), level=RX),
    Shot("verdict-compared", (*BAD, ("v", "verdict"), ("o", "verdict")), level=RX),
    Shot("verdict", (*GOOD, ("v", "verdict")), level=RX),
    Shot("debrief", (*GOOD, ("v", "verdict"), ("d", "debrief")), level=RX),
    Shot("quiz-topics", (("i", "quiz-menu"),)),
    Shot("quiz", (("i", "quiz-menu"), ("enter", "quiz"), ("enter", "quiz"))),
    Shot("quiz-wide", (("i", "quiz-menu"), ("enter", "quiz"), ("enter", "quiz")), WIDE),
    Shot("review", (("i", "quiz-menu"), ("r", "review")), played=True),
    Shot(
        "review-topics-wide",
        (("i", "quiz-menu"), ("r", "review"), ("tab", "review")),
        WIDE,
        played=True,
    ),
    Shot("exams", (("i", "quiz-menu"), ("m", "exam-menu")), played=True),
    Shot("exam", EXAM),
    Shot("exam-wide", EXAM, WIDE),
    Shot("exam-report", (*EXAM, *EXAM_END)),
    Shot("exam-report-zh", (*EXAM, *EXAM_END), language="zh_CN"),
    Shot("court", (*COURT, ("r", "quiz"))),
    Shot("report", (("i", "quiz-menu"), ("o", "report")), played=True),
    Shot("report-ascii", (("i", "quiz-menu"), ("o", "report")), played=True, glyphs="ascii"),
    Shot("lab", (("l", "lab"),)),
    Shot("lab-problems", (("l", "lab"), *LAB_SLIP)),
    Shot("lab-level-wide", (("2", "level"), ("l", "lab")), WIDE, level=RX),
    Shot("lab-run", (*LAB_BAD, ("e", "lab-run")), level=RX),
    Shot("lab-run-wide", (*LAB_BAD, ("e", "lab-run")), WIDE, level=RX),
    Shot("lab-findings", (*LAB_BAD, ("f", "lab-findings")), level=RX),
    Shot(
        "lab-sweep-wide", (*LAB_BAD, ("f", "lab-findings"), ("s", "lab-findings")), WIDE, level=RX
    ),
    Shot("progress", (("p", "progress"),), played=True),
    Shot("settings", (("s", "settings"),)),
    Shot("help", (("question_mark", "paper"),), level=RX),
    Shot("tour", (("t", "level"),)),
    Shot("answer-order", (("space", "level"), ("down", "level")), level="meter-profiles"),
    Shot("answer-fill", (("0", "level"),), level="gps-sentence"),
    Shot("sandbox", TYPED),
    Shot("sandbox-wide", TYPED, WIDE),
    Shot("sandbox-why", (*TYPED, ("f2", "sandbox-why"))),
    Shot("too-small", (), (40, 10)),
)


def _store(played: bool) -> Store:
    """An empty save, or that of somebody who is half way."""
    store = Store.in_memory()
    if played:
        for level, stars in (
            ("calibration-block", 3), ("telemetry-reply", 2), (RX, 0), (RX, 3), ("trace-buffer", 1),
        ):  # fmt: skip
            store.record_attempt(Attempt(level, {}, stars > 0, stars))
        for number in range(12):
            right = number % 4 > 0
            store.record_quiz(QuizAnswer(f"question-{number}", "classic-thirty", (), right))
    return store


async def take(shot: Shot) -> str:
    """Run the game up to a picture; returns it as SVG."""
    preferences = Preferences(shot.language, shot.theme, "none", shot.glyphs)
    app = GameApp(Services.shipped(_store(shot.played), preferences), level=shot.level or None)
    async with app.run_test(size=shot.size) as pilot:
        if shot.name != "too-small":
            first = ("level", "lab-choose") if shot.level else ("home",)
            await _settled(pilot, app, lambda: _name(app) in first)
            if _name(app) == "lab-choose":
                await pilot.press("escape")
                await _settled(pilot, app, lambda: _name(app) == "level")
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
