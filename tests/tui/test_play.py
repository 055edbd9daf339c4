"""From the first screen to the verdict, by keyboard alone and by mouse."""

from __future__ import annotations

from pathlib import Path

from tui_fake import services
from tui_pilot import at, game, name_of, press, screen_text, until

from kmemquest.store import Store
from kmemquest.tui.screens.level import LevelScreen
from kmemquest.tui.screens.verdict import VerdictScreen
from kmemquest.tui.screens.watch import WatchScreen
from kmemquest.tui.widgets.choice_list import ChoiceList
from kmemquest.tui.widgets.source_view import SourceView


async def test_a_level_from_home_to_verdict_by_keyboard(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "save.sqlite3")
    async with game(services(store)) as (app, pilot):
        await press(pilot, "m")
        await at(pilot, "campaign")
        await press(pilot, "enter")
        await at(pilot, "level")
        assert "= ▒▒▒▒▒▒;" in screen_text(app)
        await press(pilot, "down", "down")
        await until(pilot, lambda: "= kmalloc(RX_LEN, GFP_ATOMIC);" in screen_text(app), "option")
        await press(pilot, "right", "right", "right")
        await until(pilot, lambda: "[hardirq]" in screen_text(app), "prediction")
        await press(pilot, "enter")
        await at(pilot, "watch")
        await press(pilot, "right", "n", "n", "left")
        await until(pilot, lambda: "step 5/24" in screen_text(app), "fifth step")
        await press(pilot, "v")
        await at(pilot, "verdict")
        await until(pilot, lambda: "half of every page" in screen_text(app), "all options run")
        assert "★★☆" in screen_text(app)
    again = Store.open(tmp_path / "save.sqlite3")
    assert again.level("first").best_stars == 2
    assert again.level("first").last_answers == {"alloc": "atomic"}
    assert again.last_level() == "first"


async def test_a_failed_attempt_hides_the_options_until_asked_and_can_be_retried() -> None:
    async with game() as (app, pilot):
        app.open_level("first")
        await at(pilot, "level")
        await press(pilot, "1", "right", "enter")
        await at(pilot, "watch")
        await press(pilot, "e")
        await until(pilot, lambda: "step 6/24" in screen_text(app), "first bad step")
        assert "BUG: sleeping function" in screen_text(app)
        await press(pilot, "v")
        await at(pilot, "verdict")
        assert "GFP_ATOMIC" not in screen_text(app)
        await press(pilot, "o")
        await until(pilot, lambda: "GFP_ATOMIC" in screen_text(app), "comparison on request")
        await press(pilot, "r")
        await at(pilot, "level")
        assert len(app.screen_stack) == 2


async def test_nothing_runs_while_a_place_is_open() -> None:
    async with game() as (app, pilot):
        app.open_level("first")
        await at(pilot, "level")
        await press(pilot, "right", "enter")
        await until(pilot, lambda: "choose a card first" in screen_text(app), "the open place")
        assert name_of(app) == "level"


async def test_a_prediction_is_asked_for_once() -> None:
    async with game() as (app, pilot):
        app.open_level("first")
        await at(pilot, "level")
        await press(pilot, "1", "enter")
        await until(pilot, lambda: "predict first" in screen_text(app), "reminder")
        assert name_of(app) == "level"
        await press(pilot, "enter")
        await at(pilot, "watch")


async def test_by_mouse() -> None:
    async with game() as (app, pilot):
        menu = app.screen.query_one("#menu", ChoiceList)
        row = [choice.id for choice in menu.choices].index("campaign")
        await pilot.click("#menu", offset=(5, row))
        await at(pilot, "campaign")
        await pilot.click("#map", offset=(8, 1))
        await at(pilot, "level")
        await pilot.click("#cards", offset=(6, 1))
        await until(pilot, lambda: "= kmalloc(RX_LEN, GFP_ATOMIC);" in screen_text(app), "card")
        await pilot.click("#prediction", offset=(5, 1))
        await until(pilot, lambda: "[process]" in screen_text(app), "prediction")
        await pilot.click("#keys", offset=(2, 0))
        await at(pilot, "watch")
        screen = app.screen
        assert isinstance(screen, WatchScreen)
        await pilot.click("#timeline", offset=(30, 0))
        await until(pilot, lambda: screen.step > 8, "timeline")
        await pilot.click("#tabs", offset=(10, 0))
        await until(pilot, lambda: "per-CPU lists" in screen_text(app), "lists by tab")


async def test_digits_choose_cards_and_hints_open_one_by_one() -> None:
    async with game() as (app, pilot):
        app.open_level("first")
        await at(pilot, "level")
        await press(pilot, "3")
        await until(pilot, lambda: "= vmalloc(RX_LEN);" in screen_text(app), "third card")
        await press(pilot, "h")
        await at(pilot, "paper")
        assert "Look at who calls" in screen_text(app)
        assert "May it sleep?" not in screen_text(app)
        await press(pilot, "q")
        await at(pilot, "level")
        await press(pilot, "h")
        await at(pilot, "paper")
        assert "May it sleep?" in screen_text(app)
        assert app.services.store.level("first").hints == 2


async def test_a_broken_level_is_told_in_words() -> None:
    given = services()
    given.library.broken = "rx-ring"  # type: ignore[attr-defined]
    async with game(given) as (app, pilot):
        app.open_level("rx-ring")
        await until(pilot, lambda: "did you mean" in screen_text(app), "words about the level")
        assert name_of(app) == "home"


async def test_a_run_that_breaks_leaves_the_level_playable() -> None:
    async with game() as (app, pilot):
        app.open_level("first")
        await at(pilot, "level")
        screen = app.screen
        assert isinstance(screen, LevelScreen)

        def broken(answers: object, prediction: object) -> None:
            raise RuntimeError("no such page")

        screen.desk.run = broken  # type: ignore[method-assign, assignment]
        await press(pilot, "1", "right", "enter")
        await until(pilot, lambda: "no such page" in screen_text(app), "the error in words")
        await press(pilot, "down")
        assert name_of(app) == "level"


async def test_locked_levels_say_what_comes_first_and_open_anyway() -> None:
    async with game() as (app, pilot):
        await press(pilot, "m")
        await at(pilot, "campaign")
        await press(pilot, "down", "enter")
        await until(pilot, lambda: "Pass first: First light" in screen_text(app), "what is first")
        await press(pilot, "a")
        await at(pilot, "level")


async def test_next_level_and_debrief() -> None:
    async with game() as (app, pilot):
        app.open_level("first")
        await at(pilot, "level")
        await press(pilot, "2", "right", "enter")
        await at(pilot, "watch")
        await press(pilot, "v")
        await at(pilot, "verdict")
        await press(pilot, "d")
        await at(pilot, "debrief")
        assert "dips into the reserves" in screen_text(app)
        await press(pilot, "n")
        await at(pilot, "level")
        screen = app.screen
        assert isinstance(screen, LevelScreen)
        assert screen.desk.brief.id == "rx-ring"
        assert not any(isinstance(below, VerdictScreen) for below in app.screen_stack)


async def test_the_tour_ends_in_a_win() -> None:
    async with game(tour=True) as (app, pilot):

        def says(words: str) -> None:
            assert words in screen_text(app), screen_text(app)

        await until(pilot, lambda: "A driver with a hole" in screen_text(app), "first remark")
        await press(pilot, "down", "down")
        await until(pilot, lambda: "Guess before you look" in screen_text(app), "prediction")
        await press(pilot, "right")
        await until(pilot, lambda: "Now run it" in screen_text(app), "run")
        await press(pilot, "enter")
        await at(pilot, "watch")
        await until(pilot, lambda: "Step by step" in screen_text(app), "steps")
        await press(pilot, "right")
        await until(pilot, lambda: "Skip the dull" in screen_text(app), "jump")
        await press(pilot, "n")
        await until(pilot, lambda: "Ask why" in screen_text(app), "why")
        await press(pilot, "w")
        await at(pilot, "paper")
        await press(pilot, "q")
        await at(pilot, "watch")
        await until(pilot, lambda: "What came of it?" in screen_text(app), "verdict")
        await press(pilot, "v")
        await at(pilot, "verdict")
        await until(pilot, lambda: "Your first win" in screen_text(app), "the win")
        says("★")
        assert app.services.store.get("tour") == "done"


async def test_the_source_shows_the_hole_when_a_level_opens() -> None:
    async with game() as (app, pilot):
        app.open_level("first")
        await at(pilot, "level")
        source = app.screen.query_one("#source", SourceView)
        await until(
            pilot,
            lambda: source.scroll_offset.y <= 14 < source.scroll_offset.y + source.size.height,
            "line 15 in view",
        )


async def test_who_leaves_the_tour_early_is_rid_of_the_guide() -> None:
    async with game(tour=True) as (app, pilot):
        assert "A driver with a hole in it" in screen_text(app)
        await press(pilot, "q")
        await until(pilot, lambda: name_of(app) in ("home", "campaign"), "the way out")
        app.open_level("first")
        await at(pilot, "level")
        assert app.tour is None
        assert "A driver with a hole in it" not in screen_text(app)
