"""Testing out, training, demonstrations and the question about a size, on the shipped levels."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from tui_pilot import at, game, name_of, on_level, press, screen_text, until

from kmemquest.i18n import set_language
from kmemquest.level.library import Library
from kmemquest.level.sweep import run_sweep
from kmemquest.store import Attempt, Store, WorldTest
from kmemquest.tui.app import GameApp
from kmemquest.tui.preferences import Preferences
from kmemquest.tui.screens.level import LevelScreen
from kmemquest.tui.services import Services

LIBRARY = Library.open()
WORLD = next(
    world.folder
    for world in LIBRARY.campaign.worlds
    if any(entry.head["checkpoint"] for entry in LIBRARY.levels_of(world.folder))
)
CHECKPOINT = [e for e in LIBRARY.levels_of(WORLD) if e.head["checkpoint"]][-1].load()
WRONG = {**CHECKPOINT.file.solution, **CHECKPOINT.file.wrong[0].answers}
FIRST = LIBRARY.entries[0].load()


def shipped(store: Store | None = None, language: str = "en") -> Services:
    chosen = Preferences(motion="none", language=language)
    return Services.shipped(store or Store.in_memory(), chosen)


def learnt(count: int = 3) -> Store:
    store = Store.in_memory()
    for entry in LIBRARY.entries[:count]:
        store.record_attempt(Attempt(entry.id, {}, True, 1))
    return store


def level_screen(app: GameApp) -> LevelScreen:
    screen = app.screen
    assert isinstance(screen, LevelScreen)
    return screen


async def answer(app: GameApp, pilot: Pilot[None], answers: dict[str, str]) -> None:
    """Answer the level in front and go to its verdict."""
    screen = level_screen(app)
    screen._answers.update(answers)
    screen._warned = True
    screen.action_run()
    await until(pilot, lambda: name_of(app) in ("watch", "verdict"), "the run")
    if name_of(app) == "watch":
        await press(pilot, "v")
    await at(pilot, "verdict")


async def to_map(app: GameApp, pilot: Pilot[None], level: str) -> None:
    await press(pilot, "m")
    await at(pilot, "campaign")
    app.screen.query_one("#map").move_to(level)  # type: ignore[attr-defined]
    await pilot.pause()


async def test_a_world_is_tested_out_by_keyboard_and_taken_back(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "save.sqlite3")
    first = LIBRARY.levels_of(WORLD)[0].id
    async with game(shipped(store)) as (app, pilot):
        await to_map(app, pilot, first)
        assert "t tests out" in screen_text(app)
        await press(pilot, "t", "enter")
        await at(pilot, "level")
        assert "test of world" in screen_text(app)
        assert "hint" not in screen_text(app).splitlines()[-1]
        await answer(app, pilot, WRONG)
        assert "this was it" in screen_text(app)
        await press(pilot, "o")
        await until(pilot, lambda: "Not during a test" in screen_text(app), "nothing told")
        await press(pilot, "r")
        await at(pilot, "level")
        await answer(app, pilot, dict(CHECKPOINT.file.solution))
        await until(pilot, lambda: "Tested out" in screen_text(app), "passed")
        await press(pilot, "n")
        await at(pilot, "campaign")
        assert "tested out" in screen_text(app)
        assert store.level(first).best_stars == 0
        await press(pilot, "t", "down", "enter")
        await until(pilot, lambda: "t tests out" in screen_text(app), "taken back")
    assert Store.open(tmp_path / "save.sqlite3").practice.tested_out == frozenset()


async def test_two_mistakes_end_a_test() -> None:
    store = Store.in_memory()
    async with game(shipped(store)) as (app, pilot):
        await to_map(app, pilot, LIBRARY.levels_of(WORLD)[0].id)
        await press(pilot, "t", "enter")
        await at(pilot, "level")
        await answer(app, pilot, WRONG)
        await press(pilot, "r")
        await at(pilot, "level")
        await answer(app, pilot, WRONG)
        assert "second mistake" in screen_text(app)
        await press(pilot, "n")
        await at(pilot, "campaign")
        await press(pilot, "t", "enter")
        await until(pilot, lambda: "one more level" in screen_text(app), "why not")
    assert not store.levels()


async def test_what_a_tested_world_teaches_opens_the_levels_after_it() -> None:
    store = Store.in_memory()
    world = LIBRARY.entries[0].world
    locked = next(
        entry.id
        for entry in LIBRARY.entries
        if entry.world != world
        and entry.head["uses"]
        and set(map(str, entry.head["uses"]))  # type: ignore[call-overload]
        <= {str(known.head["teaches"]) for known in LIBRARY.levels_of(world)}
    )
    async with game(shipped(store)) as (app, pilot):
        await to_map(app, pilot, locked)
        await press(pilot, "enter")
        await until(pilot, lambda: "Pass first" in screen_text(app), "locked")
        store.practice.save_test(WorldTest(world, 1, 1, ("x",), ("x",), 0, "passed"))
        await press(pilot, "enter")
        await on_level(pilot)


async def test_training_from_home_saves_and_leads_on() -> None:
    store = learnt()
    async with game(shipped(store)) as (app, pilot):
        await press(pilot, "r")
        await at(pilot, "level")
        text = screen_text(app)
        assert "training 1" in text
        assert "No lecture here" in text
        here = level_screen(app).desk.brief
        assert here.hints == ()
        assert here.shows == ()
        await press(pilot, "n")
        await until(pilot, lambda: "training 2" in screen_text(app), "another one")
        assert level_screen(app).desk.brief.id != here.id
        entry = LIBRARY.entry(level_screen(app).desk.brief.id).load()
        await answer(app, pilot, dict(entry.file.solution))
        assert "Press n for another one" in screen_text(app)
        assert store.practice.runs == 1
        assert store.level(entry.id).attempts == 1, "the campaign's record stays as it was"
        await press(pilot, "n")
        await until(pilot, lambda: "training 3" in screen_text(app), "the next")


async def test_a_verb_that_was_not_met_is_refused_in_a_sentence() -> None:
    store = learnt(5)
    services = shipped(store)
    async with game(services) as (app, pilot):
        seed = next(
            seed
            for seed in range(1, 40)
            if services.library.train(store, seed).brief.id == "lidar-scan"
        )
        app.show_level(services.library.train(store, seed))
        await at(pilot, "level")
        screen = level_screen(app)
        slot = screen.desk.brief.slots[0].id
        screen._answers[slot] = "(u64)vmap(0, 0, 0, 0)"
        screen._warned = True
        screen.action_run()
        await until(pilot, lambda: "vmap() comes later" in screen_text(app), "the sentence")
        assert name_of(app) == "level"
        assert store.practice.runs == 0


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_demonstrations_are_told_shown_skipped_and_shown_again(
    size: tuple[int, int],
) -> None:
    level = next(
        loaded
        for entry in LIBRARY.entries
        if len((loaded := entry.load()).file.shows) == 2 and loaded.file.shows[0].fails
    )
    async with game(shipped(), size) as (app, pilot):
        app.open_level(level.id)
        await at(pilot, "lab-choose")
        assert "1. a mistake" in screen_text(app)
        assert "2. how it is done" in screen_text(app)
        await press(pilot, "enter")
        await at(pilot, "demonstration")
        text = screen_text(app)
        assert "look first: 1 of 2" in text
        assert level.text().shows[0].split()[0] in text
        await press(pilot, "enter")
        await until(pilot, lambda: "look first: 2 of 2" in screen_text(app), "the second")
        await press(pilot, "enter")
        await at(pilot, "level")
        await press(pilot, "f7", "enter")
        await at(pilot, "demonstration")
        await press(pilot, "q")
        await at(pilot, "level")
        assert not app.services.store.levels(), "nothing of it is counted"


async def test_the_question_about_a_size_is_reached_from_the_verdict_and_kept() -> None:
    store = Store.in_memory()
    assert FIRST.file.sweep is not None
    async with game(shipped(store)) as (app, pilot):
        app.open_level(FIRST.id)
        await on_level(pilot)
        await answer(app, pilot, dict(FIRST.file.solution))
        assert "one more question" in screen_text(app)
        await press(pilot, "a")
        await at(pilot, "size-question")
        await press(pilot, "down", "enter")
        await until(pilot, lambda: "Review asks this again" in screen_text(app), "the answer")
        (grade,) = store.review.grades
        assert grade.item == f"p:{FIRST.id}@size"
        await press(pilot, "n")
        await until(pilot, lambda: name_of(app) in ("level", "lab-choose"), "the next level")
        title = LIBRARY.entries[1].title()
        assert title in screen_text(app)


def test_review_asks_the_question_about_a_size_again() -> None:
    from kmemquest.tui.predictions import prediction_items, prediction_of

    items = {item.key for item in prediction_items(LIBRARY, learnt(1))}
    assert items == {f"p:{FIRST.id}", f"p:{FIRST.id}@size"}
    question = prediction_of(LIBRARY, f"{FIRST.id}@size")
    assert question is not None
    (right,) = [option.id for option in question.options if option.correct]
    assert right == run_sweep(FIRST).change
    silent = next(entry.id for entry in LIBRARY.entries if not entry.head["sweep"])
    assert prediction_of(LIBRARY, f"{silent}@size") is None


@pytest.mark.parametrize(("language", "last"), [("en", "? help"), ("zh_CN", "? 帮助")])
async def test_keys_fit_80_columns_in_every_round(language: str, last: str) -> None:
    def fits() -> bool:
        return screen_text(app).splitlines()[-1].endswith(last)

    store = learnt()
    several = CHECKPOINT.id
    async with game(shipped(store, language)) as (app, pilot):
        await press(pilot, "r")
        await at(pilot, "level")
        await until(pilot, fits, "the keys of training")
        await press(pilot, "q", "m")
        await at(pilot, "campaign")
        await until(pilot, fits, "the keys of the map")
        app.open_level(several)
        await on_level(pilot)
        screen = level_screen(app)
        screen.desk.round = app.services.library.train(store, 1).round
        screen._show_keys()
        await until(pilot, fits, "the keys of training with several places")
        app.pop_screen()
        app.open_level(next(e.id for e in LIBRARY.entries if e.load().file.shows))
        await on_level(pilot)
        await press(pilot, "f7")
        await at(pilot, "lab-choose")
        await press(pilot, "enter")
        await at(pilot, "demonstration")
        await until(pilot, fits, "the keys of a demonstration")
    set_language("en")


async def test_in_chinese_too() -> None:
    async with game(shipped(learnt(), "zh_CN")) as (app, pilot):
        await press(pilot, "r")
        await at(pilot, "level")
        assert "训练 1" in screen_text(app)
    set_language("en")
