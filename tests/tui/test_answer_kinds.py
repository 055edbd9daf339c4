"""Every kind of answer is played on the screen: by keys, by mouse, and with its mistakes."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from tui_pilot import at, game, name_of, press, screen_text, until

from kmemquest.level.template import write_new
from kmemquest.store import Store
from kmemquest.tui.app import GameApp
from kmemquest.tui.live_reload import LiveReload
from kmemquest.tui.preferences import Preferences
from kmemquest.tui.screens.level import LevelScreen
from kmemquest.tui.services import Services
from kmemquest.tui.widgets.answer_pane import AnswerPane
from kmemquest.tui.widgets.code_editor import CodeEditor
from kmemquest.tui.widgets.key_line import KeyLine
from kmemquest.tui.widgets.line_order import LineOrder

SAMPLES = Path(__file__).parents[1] / "level" / "samples"


def real(store: Store | None = None, **preferences: str) -> Services:
    chosen = Preferences(**{"motion": "none", **preferences})
    return Services.shipped(store or Store.in_memory(), chosen)


@asynccontextmanager
async def level(
    name: str,
    size: tuple[int, int] = (80, 24),
    store: Store | None = None,
    *,
    look_first: bool = False,
    **preferences: str,
) -> AsyncIterator[tuple[GameApp, Pilot[None], LevelScreen]]:
    """Open a level; what it demonstrates first is passed over unless a test wants to look."""
    async with game(real(store, **preferences), size) as (app, pilot):
        app.open_level(name)
        screen = next(one for one in app.screen_stack if isinstance(one, LevelScreen))
        await until(pilot, lambda: screen.is_mounted and bool(screen.size.width), "the level")
        if screen.desk.brief.shows:
            await at(pilot, "lab-choose")
            if not look_first:
                await press(pilot, "escape")
        if not screen.desk.brief.shows or not look_first:
            await at(pilot, "level")
        yield app, pilot, screen


@pytest.fixture
def diagnosis(tmp_path: Path) -> str:
    for file in SAMPLES.glob("ring-report*.yaml"):
        shutil.copy(file, tmp_path)
    return str(tmp_path / "ring-report.yaml")


def template(folder: Path, *pairs: tuple[str, str], texts: str = "") -> str:
    path = write_new("level", "card-record", folder)[0]
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    for lang in ("en", "zh_CN"):
        words = path.with_name(f"card-record.{lang}.yaml")
        words.write_text(words.read_text(encoding="utf-8") + texts, encoding="utf-8")
    return str(path)


async def run_to_verdict(app: GameApp, pilot: Pilot[None], key: str = "enter") -> str:
    """Run, go on to the verdict, and return what it says."""
    await press(pilot, key)
    if name_of(app) == "level":
        await press(pilot, key)
    await until(pilot, lambda: name_of(app) in ("watch", "verdict"), "the run")
    if name_of(app) == "watch":
        await press(pilot, "v")
    await at(pilot, "verdict")
    return screen_text(app)


async def test_fill_is_typed_run_and_judged() -> None:
    async with level("gps-sentence") as (app, pilot, screen):
        pane = screen.query_one(AnswerPane)
        assert pane.typing
        field = screen.query_one("#typed")
        field.value = "kmalloc(4, GFP_KERNEL)"  # type: ignore[attr-defined]
        await pilot.pause()
        assert "kmalloc(4, GFP_KERNEL)" in screen_text(app).split("goals")[0]
        await press(pilot, "f3")
        assert "▸" in screen_text(app) or "‹" in screen_text(app)
        words = await run_to_verdict(app, pilot, "ctrl+r")
        assert "Not yet" in words or "Passed" in words


async def test_escape_leaves_the_field_so_that_letters_are_keys() -> None:
    async with level("gps-sentence") as (app, pilot, screen):
        await press(pilot, "h")
        assert screen.answers
        await press(pilot, "escape", "h")
        await at(pilot, "paper")
        assert "hint 1 of 3" in screen_text(app)


async def test_what_does_not_compile_is_told_with_its_line() -> None:
    async with level("gps-sentence") as (app, pilot, screen):
        screen.query_one("#typed").value = "kmalloc(("  # type: ignore[attr-defined]
        await pilot.pause()
        assert "does not compile" in await run_to_verdict(app, pilot, "ctrl+r")


async def test_edit_takes_many_lines(tmp_path: Path) -> None:
    path = template(tmp_path, ("kind: choice ", "kind: edit "))
    async with level(path) as (app, pilot, screen):
        editor = screen.query_one("#lines", CodeEditor)
        await press(pilot, *"0")
        editor.load_text("/* sixty bytes */\n\t\tkmalloc(RECORD_BYTES, GFP_KERNEL)")
        await pilot.pause()
        await press(pilot, "enter")
        assert name_of(app) == "level"
        editor.load_text("/* sixty bytes */\n\t\tkmalloc(RECORD_BYTES, GFP_KERNEL)")
        await pilot.pause()
        assert "Passed" in await run_to_verdict(app, pilot, "ctrl+r")


async def test_order_by_keys() -> None:
    async with level("meter-profiles") as (_app, pilot, screen):
        order = screen.query_one(LineOrder)
        slot = next(slot for slot in screen.desk.brief.slots if slot.kind == "order")
        while screen._here.kind != "order":
            await press(pilot, "s")
        first, second, *rest = order.order
        await press(pilot, "space", "down", "space")
        assert order.order == (second, first, *rest)
        assert screen.answers[slot.id] == ",".join(order.order)
        await press(pilot, "shift+up")
        assert order.order == (first, second, *rest)


async def test_order_by_mouse() -> None:
    async with level("meter-profiles") as (_app, pilot, screen):
        while screen._here.kind != "order":
            await press(pilot, "s")
        order = screen.query_one(LineOrder)
        first, second, *rest = order.order
        await pilot.mouse_down(LineOrder, offset=(6, 0))
        await pilot.hover(LineOrder, offset=(6, order._starts[1]))
        await pilot.mouse_up(LineOrder, offset=(6, order._starts[1]))
        assert order.order == (second, first, *rest)
        assert not order.picked


async def test_a_diagnosis_shows_log_and_files_and_no_driver(diagnosis: str) -> None:
    async with level(diagnosis) as (app, pilot, screen):
        await until(pilot, lambda: "slab-use-after-free" in screen_text(app), "the log")
        assert "ring->head" not in screen_text(app)
        assert not screen.query_one("#source").display
        await press(pilot, "f")
        await until(pilot, lambda: "slabinfo - version" in screen_text(app), "slabinfo")
        await press(pilot, "f", "f")
        assert "slab-use-after-free" in screen_text(app)
        await press(pilot, "l")
        assert name_of(app) == "level"


async def test_a_wrong_diagnosis_gives_nothing_of_the_driver_away(diagnosis: str) -> None:
    async with level(diagnosis) as (app, pilot, _screen):
        await press(pilot, "1", "s", "1", "s", "3", "s", "down", "space", "up", "space", "right")
        words = await run_to_verdict(app, pilot)
        assert name_of(app) == "verdict"
        assert "Not yet" in words
        assert "First bad" not in words
        for key in ("o", "f", "l", "d"):
            await press(pilot, key)
            assert name_of(app) == "verdict", key
        await press(pilot, "h")
        await at(pilot, "paper")
        assert "Look at the size in the report." in " ".join(screen_text(app).split())


async def test_a_right_diagnosis_opens_the_driver(diagnosis: str) -> None:
    async with level(diagnosis) as (app, pilot, screen):
        await press(pilot, "2", "s", "1", "s", "3", "s", "down", "space", "up", "space", "right")
        assert screen.answers["unwind"] == "stop,free"
        words = await run_to_verdict(app, pilot)
        assert "Passed" in words
        await press(pilot, "r")
        await at(pilot, "level")
        await press(pilot, "f", "f", "f")
        assert screen.query_one("#source").display


async def test_a_line_is_named_by_its_number(diagnosis: str) -> None:
    async with level(diagnosis) as (app, pilot, screen):
        await press(pilot, "#")
        await at(pilot, "lab-name")
        await press(pilot, "1", "6", "enter")
        await at(pilot, "level")
        assert screen.answers["culprit"] == "16"
        assert "line 16" in screen_text(app)


async def test_a_predict_slot_is_answered_by_the_run(tmp_path: Path) -> None:
    path = template(
        tmp_path,
        ("slots:\n", "slots:\n  where:\n    kind: predict\n    probe: window-of-slot\n"
         "    options: {low: direct-map, high: vmalloc}\n"),
        ("solution: {alloc: plain}", "solution: {alloc: plain, where: low}"),
        ("probe: window-of-slot", "probe: {window-of-slot: alloc}"),
        ("predict: {ask: window-of-slot", "predict: {ask: {window-of-slot: alloc}"),
    )  # fmt: skip
    async with level(path) as (app, pilot, _screen):
        await press(pilot, "2", "s", "2", "right")
        assert "Not yet" in await run_to_verdict(app, pilot)
        await press(pilot, "r")
        await at(pilot, "level")
        await press(pilot, "s", "1")
        assert "Passed" in await run_to_verdict(app, pilot)


async def test_a_demonstration_comes_first_and_the_size_question_last(tmp_path: Path) -> None:
    path = template(
        tmp_path,
        ("# sweep:", "sweep:"),
        ("# shows:", "shows:"),
        texts="shows: [The other window.]\n",
    )
    async with level(path, look_first=True) as (app, pilot, _screen):
        assert "The other window." in screen_text(app)
        await press(pilot, "enter")
        await at(pilot, "demonstration")
        await press(pilot, "enter")
        await at(pilot, "level")
        await press(pilot, "2", "right")
        assert "Passed" in await run_to_verdict(app, pilot)
        await press(pilot, "a")
        await at(pilot, "size-question")
        await press(pilot, "down", "down", "enter")
        await until(pilot, lambda: "Right: it changes at 96." in screen_text(app), "the answer")
        assert "kmalloc-128" in screen_text(app)


async def test_a_checkpoint_has_no_hints(tmp_path: Path) -> None:
    hints = "hints:\n  - {on: [clean]}      # opens after the mistake; asks about it\n"
    path = template(
        tmp_path,
        (
            hints + "  - {after: 2}\n  - {after: 3, reveals: alloc}\n",
            "hints: []\ncheckpoint: true\n",
        ),
        ("teaches: card-record-concept ", "teaches: null "),
    )
    for lang in ("en", "zh_CN"):
        words = Path(path).with_name(f"card-record.{lang}.yaml")
        lines = words.read_text(encoding="utf-8").split("\n")
        start = next(n for n, line in enumerate(lines) if line.startswith("hints:"))
        del lines[start : start + 4]
        words.write_text("\n".join(lines), encoding="utf-8")
    async with level(path) as (app, pilot, _screen):
        assert "checkpoint" in screen_text(app)
        await press(pilot, "h")
        await pilot.pause()
        assert "A checkpoint has no hints." in screen_text(app)


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("name", ["gps-sentence", "meter-profiles", "ring-report"])
async def test_keys_fit_in_every_kind(name: str, language: str, diagnosis: str) -> None:
    chosen = diagnosis if name == "ring-report" else name
    async with level(chosen, language=language) as (app, pilot, screen):
        for _slot in screen.desk.brief.slots:
            keys = app.screen.query_one("#keys", KeyLine)
            assert keys.needed_width() <= 80, keys.entries()
            assert len(keys.entries()) <= 8
            await press(pilot, "f4")
            await pilot.pause()


async def test_a_watched_level_comes_back_with_its_answers(tmp_path: Path) -> None:
    path = Path(template(tmp_path))
    async with game(real()) as (app, pilot):
        live = LiveReload(app, str(path))
        live.look()
        await at(pilot, "level")
        await press(pilot, "2")
        sound = path.read_text(encoding="utf-8")
        path.write_text(sound.replace("kind: choice", "kind: choise"), encoding="utf-8")
        live.look()
        await at(pilot, "problems")
        assert "card-record.yaml:" in screen_text(app).replace("\n", "").replace("│", "").replace(
            " ", ""
        )
        assert "did you mean 'choice'" in screen_text(app)
        path.write_text(sound.replace("RECORD_BYTES 60", "RECORD_BYTES 70"), encoding="utf-8")
        live.look()
        await at(pilot, "level")
        screen = app.screen
        assert isinstance(screen, LevelScreen)
        assert screen.answers == {"alloc": "plain"}
        assert sum(isinstance(one, LevelScreen) for one in app.screen_stack) == 1
        live.look()
        assert app.screen is screen


async def test_a_prediction_far_to_the_right_comes_into_view() -> None:
    async with level("meter-profiles") as (app, pilot, _screen):
        await press(pilot, "left")
        await pilot.pause()
        assert "[deadlock]" in screen_text(app)
        await press(pilot, "right")
        await pilot.pause()
        assert "[nothing]" in screen_text(app)
