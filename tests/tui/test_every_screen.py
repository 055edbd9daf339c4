"""What must hold on every screen: fitting keys, few widgets, words beside colours, small bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from tui_fake import services
from tui_pilot import at, game, name_of, press, screen_text, until

from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.bank import open_bank
from kmemquest.quiz.generators import load_generators
from kmemquest.tui import themes
from kmemquest.tui.app import GameApp
from kmemquest.tui.screens.exam import ExamScreen
from kmemquest.tui.screens.exam_menu import ExamMenuScreen
from kmemquest.tui.widgets.key_line import KeyLine

Way = Callable[[GameApp, Pilot[None]], Awaitable[None]]


async def _home(app: GameApp, pilot: Pilot[None]) -> None:
    await at(pilot, "home")


def _place(key: str, name: str) -> Way:
    async def go(app: GameApp, pilot: Pilot[None]) -> None:
        await press(pilot, key)
        await at(pilot, name)

    return go


async def _level(app: GameApp, pilot: Pilot[None]) -> None:
    app.open_level("first")
    await at(pilot, "level")


async def _watch(app: GameApp, pilot: Pilot[None]) -> None:
    await _level(app, pilot)
    await press(pilot, "1", "right", "enter")
    await at(pilot, "watch")


async def _verdict(app: GameApp, pilot: Pilot[None]) -> None:
    await _watch(app, pilot)
    await press(pilot, "v")
    await at(pilot, "verdict")


async def _debrief(app: GameApp, pilot: Pilot[None]) -> None:
    await _verdict(app, pilot)
    await press(pilot, "d")
    await at(pilot, "debrief")


async def _quiz(app: GameApp, pilot: Pilot[None]) -> None:
    await press(pilot, "i")
    await at(pilot, "quiz-menu")
    await press(pilot, "enter")
    await at(pilot, "quiz")


async def _paper(app: GameApp, pilot: Pilot[None]) -> None:
    await _level(app, pilot)
    await press(pilot, "question_mark")
    await at(pilot, "paper")


def _from_menu(key: str, name: str) -> Way:
    async def go(app: GameApp, pilot: Pilot[None]) -> None:
        await press(pilot, "i")
        await at(pilot, "quiz-menu")
        await press(pilot, key)
        await at(pilot, name)

    return go


async def _exam_menu(app: GameApp, pilot: Pilot[None]) -> None:
    load_generators()
    await app.push_screen(ExamMenuScreen(open_bank()))
    await at(pilot, "exam-menu")


async def _exam(app: GameApp, pilot: Pilot[None]) -> None:
    await _exam_menu(app, pilot)
    await press(pilot, "enter")
    await at(pilot, "exam")
    screen = app.screen
    assert isinstance(screen, ExamScreen)
    await until(pilot, lambda: screen.question is not None, "the first question")


async def _exam_report(app: GameApp, pilot: Pilot[None]) -> None:
    await _exam(app, pilot)
    await press(pilot, "f10")
    await at(pilot, "lab-choose")
    await press(pilot, "down", "enter")
    await at(pilot, "exam-report")


WAYS: dict[str, Way] = {
    "home": _home,
    "campaign": _place("m", "campaign"),
    "quiz-menu": _place("i", "quiz-menu"),
    "lab": _place("l", "lab"),
    "progress": _place("p", "progress"),
    "settings": _place("s", "settings"),
    "level": _level,
    "watch": _watch,
    "verdict": _verdict,
    "debrief": _debrief,
    "quiz": _quiz,
    "sandbox": _place("x", "sandbox"),
    "review": _from_menu("r", "review"),
    "report": _from_menu("o", "report"),
    "exam-menu": _exam_menu,
    "exam": _exam,
    "exam-report": _exam_report,
    "paper": _paper,
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", WAYS)
async def test_keys_fit_80_columns_and_widgets_are_few(name: str, language: str) -> None:
    async with game(services(language=language)) as (app, pilot):
        await WAYS[name](app, pilot)
        keys = app.screen.query(KeyLine).first()
        shown = keys.entries()
        assert keys.needed_width() <= 80, [(key, label) for _op, key, label in shown]
        assert len(shown) <= 8
        assert len(list(app.screen.walk_children())) <= 150


@pytest.mark.parametrize("glyphs", ["unicode", "ascii"])
@pytest.mark.parametrize("name", WAYS)
async def test_ascii_glyphs_are_ascii(name: str, glyphs: str) -> None:
    async with game(services(glyphs=glyphs)) as (app, pilot):
        await WAYS[name](app, pilot)
        own = set("·×µ▒…‹›简体中文◦") | set("─│╭╮╰╯▁▂▃▄▅▆▇█▊▌▍▎▏")
        foreign = {sign for sign in screen_text(app) if ord(sign) > 126} - own
        if glyphs == "ascii":
            assert not foreign, (name, foreign)


@pytest.mark.parametrize("theme", themes.NAMES)
async def test_every_theme_draws_level_and_watch(theme: str) -> None:
    async with game(services(theme=theme)) as (app, pilot):
        await _watch(app, pilot)
        assert app.theme == theme
        assert app.inks["bad"].color is not None


async def test_no_color_keeps_every_word(monkeypatch: pytest.MonkeyPatch) -> None:
    async with game() as (app, pilot):
        await _watch(app, pilot)
        coloured = screen_text(app)
    monkeypatch.setenv("NO_COLOR", "1")
    async with game() as (app, pilot):
        await _watch(app, pilot)
        assert screen_text(app) == coloured
        for strip in app.screen._compositor.render_strips():
            for segment in strip.apply_filter(app._filters[0], app.screen.styles.background):
                colour = segment.style.color if segment.style else None
                if colour is not None and colour.triplet is not None:
                    assert len(set(colour.triplet)) == 1, segment


async def test_too_small_terminals_say_so_and_recover() -> None:
    async with game(size=(80, 24)) as (app, pilot):
        await _level(app, pilot)
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: name_of(app) == "too-small", "the small screen")
        await until(pilot, lambda: "80×24" in screen_text(app), "words about the size")
        assert all(len(line) <= 40 for line in screen_text(app).split("\n"))
        await pilot.resize_terminal(80, 24)
        await at(pilot, "level")
        assert "GFP_KERNEL" in screen_text(app)


async def test_starting_in_a_small_terminal() -> None:
    from kmemquest.tui.app import GameApp

    app = GameApp(services())
    async with app.run_test(size=(40, 10)) as pilot:
        await until(pilot, lambda: name_of(app) == "too-small", "the small screen")
        await pilot.resize_terminal(100, 30)
        await at(pilot, "home")


async def test_wide_terminals_show_four_panes_at_once() -> None:
    async with game(size=(160, 50)) as (app, pilot):
        await _watch(app, pilot)
        text = screen_text(app)
        for words in ("frames", "order", "kmalloc-2k", "above high"):
            assert words in text, words


async def test_idle_screens_have_no_timers() -> None:
    async with game() as (app, pilot):
        await _watch(app, pilot)
        pumps = [app, app.screen, *app.screen.walk_children()]
        assert not [timer for pump in pumps for timer in pump._timers if timer._active.is_set()]


async def test_q_leads_back_to_home_from_everywhere() -> None:
    for name, way in WAYS.items():
        if name in ("exam", "sandbox"):  # one asks first, the other has a prompt: own tests
            continue
        async with game() as (app, pilot):
            await way(app, pilot)
            for _ in range(6):
                if name_of(app) == "home":
                    break
                before = len(app.screen_stack)
                # In the lab letters are text.
                await press(pilot, "escape" if name_of(app) == "lab" else "q")
                await until(
                    pilot, lambda before=before: len(app.screen_stack) < before, f"q on {name}"
                )
            assert name_of(app) == "home"


async def test_operations_have_unique_ids_and_reach_an_action() -> None:
    for name, way in WAYS.items():
        async with game() as (app, pilot):
            await way(app, pilot)
            operations = app.screen.OPERATIONS  # type: ignore[attr-defined]
            ids = [operation.id for operation in operations]
            assert len(ids) == len(set(ids))
            for operation in operations:
                action = operation.action.partition("(")[0]
                owner: object = app if action.startswith("app.") else app.screen
                method = f"action_{action.removeprefix('app.')}"
                if operation.palette or operation.keys:
                    assert hasattr(owner, method), (name, operation.id)
