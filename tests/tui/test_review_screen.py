"""Review on the screen: what is due, rating, undo, suspending, cramming, settings, the report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot
from tui_fake import services
from tui_pilot import at, game, press, screen_text, until

from kmemquest.level.library import Library
from kmemquest.quiz.bank import Bank
from kmemquest.quiz.review import AGAIN, EASY, Review
from kmemquest.quiz.review_item import items_of
from kmemquest.quiz.review_plan import Settings
from kmemquest.store import Store
from kmemquest.tui.app import GameApp
from kmemquest.tui.quiz_source import BankTrainer
from kmemquest.tui.review_source import ReviewDesk, due_at_a_glance
from kmemquest.tui.screens.report import ReportScreen
from kmemquest.tui.screens.review import ReviewScreen
from kmemquest.tui.screens.review_round import ReviewRoundScreen
from kmemquest.tui.services import Services
from kmemquest.tui.widgets.bar_chart import BarChart

EVERY_KIND = Path(__file__).parents[1] / "quiz" / "every_kind"


def desk_of(store: Store) -> ReviewDesk:
    bank = Bank(EVERY_KIND)
    items = [item for item in items_of(bank) if item.key.startswith("q:")]
    return ReviewDesk(Review(store, items), bank, Library.open())


@asynccontextmanager
async def reviewing(
    store: Store, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[GameApp, ReviewScreen, ReviewDesk, Pilot[None]]]:
    fake = services(store)
    given = Services(store, fake.preferences, fake._open_library,
                     lambda: BankTrainer(Bank(EVERY_KIND)))  # fmt: skip
    desk = desk_of(store)
    async with game(given, size) as (app, pilot):
        screen = ReviewScreen(desk)
        await app.push_screen(screen)
        await at(pilot, "review")
        yield app, screen, desk, pilot


async def begin(
    app: GameApp, pilot: Pilot[None], desk: ReviewDesk, *keys: str
) -> ReviewRoundScreen:
    screen = ReviewRoundScreen(desk, keys)
    await app.push_screen(screen)
    await until(pilot, lambda: screen.question is not None, "a question")
    return screen


async def answer(pilot: Pilot[None], screen: ReviewRoundScreen, *, right: bool) -> None:
    """Answer the single choice on the screen by the letter that its shuffled options give it."""
    question = screen.question
    assert question is not None
    place = next(n for n, option in enumerate(question.options) if option.correct == right)
    await press(pilot, "abcdefgh"[place], "enter")
    await until(pilot, lambda: screen.grade is not None, "a grade")


async def test_the_desk_shows_what_is_new_and_starts_a_round() -> None:
    async with reviewing(Store.in_memory()) as (app, _screen, _desk, pilot):
        text = screen_text(app)
        assert f"0 due · {len(Bank(EVERY_KIND).entries)} new · 0 done today" in text
        await until(pilot, lambda: "k-single words of?" in screen_text(app), "the questions")
        await press(pilot, "enter")
        await at(pilot, "review-round")


async def test_long_titles_are_whole_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    title = "Per-CPU memory, mempools, devres and other allocators"
    monkeypatch.setattr(BankTrainer, "title", lambda _self, _topic: title)
    for size, whole in (((80, 24), False), ((160, 50), True)):
        async with reviewing(Store.in_memory(), size) as (app, _screen, _desk, pilot):
            await until(pilot, lambda: "Per-CPU memory" in screen_text(app), "the list")
            assert (title in screen_text(app)) == whole


async def test_a_right_answer_is_saved_at_once_and_may_be_rated_otherwise() -> None:
    store = Store.in_memory()
    async with reviewing(store) as (app, _screen, desk, pilot):
        screen = await begin(app, pilot, desk, "q:k-single", "q:k-multiple")
        await answer(pilot, screen, right=True)
        assert [grade.rating for grade in store.review.grades] == [3]
        assert "4 easy" in screen.view.query_one("#why").text  # type: ignore[attr-defined]
        await press(pilot, "4")
        await until(pilot, lambda: screen.grade is None, "the next question")
        assert [grade.rating for grade in store.review.grades] == [EASY]


async def test_a_wrong_answer_comes_again_and_undo_asks_it_anew() -> None:
    store = Store.in_memory()
    async with reviewing(store) as (app, _screen, desk, pilot):
        screen = await begin(app, pilot, desk, "q:k-single")
        await answer(pilot, screen, right=False)
        assert [grade.rating for grade in store.review.grades] == [AGAIN]
        await press(pilot, "u")
        await until(pilot, lambda: screen.grade is None and not screen._busy, "asked anew")
        assert store.review.grades == [] or not list(store.review.grades)
        assert screen.answered == 0
        await answer(pilot, screen, right=False)
        await press(pilot, "enter")
        await until(pilot, lambda: screen.grade is None and not screen._busy, "once more")
        assert screen._key == "q:k-single"


async def test_suspending_takes_a_question_out_and_the_tab_brings_it_back() -> None:
    store = Store.in_memory()
    async with reviewing(store) as (app, _screen, desk, pilot):
        screen = await begin(app, pilot, desk, "q:k-single")
        await press(pilot, "s")
        await at(pilot, "review")
        assert screen._key == "q:k-single"
        assert desk.review.record("q:k-single").suspended
        await press(pilot, *["tab"] * 4)
        await until(pilot, lambda: "[suspended]" in screen_text(app), "the tab")
        await until(pilot, lambda: "k-single words of?" in screen_text(app), "the question")
        assert "q:k-single" not in screen_text(app)
        await press(pilot, "s")
        await until(pilot, lambda: not desk.review.record("q:k-single").suspended, "back in")


async def test_what_was_done_is_told_in_the_words_of_the_question() -> None:
    store = Store.in_memory()
    async with reviewing(store) as (app, _screen, desk, pilot):
        screen = await begin(app, pilot, desk, "q:k-single", "q:k-multiple")
        await press(pilot, "s")
        await until(pilot, lambda: screen._key == "q:k-multiple" and not screen._busy, "the next")
        await until(pilot, lambda: "Suspended: k-single words of?" in screen_text(app), "a word")
        assert not list(app._notifications)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_topics_stand_in_columns_one_row_each(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "Per-CPU memory, mempools, devres and other allocators"
    monkeypatch.setattr(BankTrainer, "title", lambda _self, _topic: title)
    store = Store.in_memory()
    async with reviewing(store, size) as (app, screen, desk, pilot):
        key = next(iter(desk.review.items))
        desk.review.rated(key, 1.0, datetime.now(UTC), rating=3)
        await press(pilot, "tab")
        await until(pilot, lambda: "seen" in screen_text(app), "the tab")
        rows = [row for row in screen_text(app).splitlines() if " seen · " in row]
        assert len(rows) == len({item.topic for item in desk.review.items.values()})
        assert all("Per-CPU memory" in row for row in rows)
        assert len({row.index("seen") for row in rows}) == 1
        assert screen.query_one("#list").virtual_size.height == len(rows)


async def test_cramming_leaves_the_schedule_alone() -> None:
    store = Store.in_memory()
    async with reviewing(store) as (app, _screen, desk, pilot):
        screen = ReviewRoundScreen(desk, ["q:k-single"], cram=True)
        await app.push_screen(screen)
        await until(pilot, lambda: screen.question is not None, "a question")
        await answer(pilot, screen, right=True)
        assert [grade.rating for grade in store.review.grades] == [0]
        assert desk.review.card("q:k-single") is None


async def test_cap_and_exam_date_are_set_from_the_keyboard() -> None:
    store = Store.in_memory()
    async with reviewing(store) as (_app, screen, _desk, pilot):
        screen._set("cap", "5")
        screen._set("exam", "2199-01-31")
        screen._set("cap", "many")
        assert (Settings.of(store).cap, str(Settings.of(store).exam)) == (5, "2199-01-31")
        await press(pilot, *["down"] * 3, "enter")
        await at(pilot, "lab-name")
        await press(pilot, *["backspace"] * 3, "7", "enter")
        await until(pilot, lambda: Settings.of(store).cap == 7, "the cap")


async def test_an_exam_lies_ahead_or_is_none() -> None:
    store = Store.in_memory()
    async with reviewing(store) as (app, screen, _desk, pilot):
        screen._set("exam", "2199-01-31")
        screen._set("exam", "2020-01-01")
        await until(pilot, lambda: "must lie ahead" in screen_text(app), "the refusal")
        assert str(Settings.of(store).exam) == "2199-01-31"
        screen._set("exam", "none")
        assert Settings.of(store).exam is None


async def test_a_shown_misconception_is_listed_and_drilled() -> None:
    store = Store.in_memory()
    async with reviewing(store) as (app, screen, desk, pilot):
        question = desk.question("q:k-single", 1)
        assert question is not None
        from kmemquest.quiz.grade import grade_choice

        desk.review.answered("q:k-single", grade_choice(question, {"nothing"}), datetime.now(UTC))
        await press(pilot, *["tab"] * 3)
        await until(pilot, lambda: "kmalloc-zero-is-null" in screen_text(app), "the belief")
        screen._begin(["q:k-single"])
        await at(pilot, "review-round")


async def test_the_report_plots_and_stays_ascii_where_asked() -> None:
    store = Store.in_memory()
    desk = desk_of(store)
    moment = datetime.now(UTC)
    for day in range(6, -1, -1):
        desk.review.rated("q:k-single", day % 2, moment - timedelta(days=day), rating=3)
    assert due_at_a_glance(store, moment) == 0
    assert due_at_a_glance(store, moment + timedelta(days=4000)) == 1
    for glyphs in ("unicode", "ascii"):
        given = services(store, glyphs=glyphs)
        async with game(given) as (app, pilot):
            await app.push_screen(ReportScreen(desk))
            await at(pilot, "report")
            assert len(app.screen.query(BarChart)) == 3
            text = screen_text(app)
            assert "7 answers on 7 days" in text
            assert ("#" if glyphs == "ascii" else "█") in text
            if glyphs == "ascii":
                assert not {s for s in text if ord(s) > 126} - set("·×…─│▁▂▃▄▅▆▇█"), text
