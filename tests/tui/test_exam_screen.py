"""A mock interview on the screen: clock, flags, no hints, the report with levels to play."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot
from tui_fake import services
from tui_pilot import at, game, name_of, press, screen_text, until

from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.exam import Sitting, draw_paper
from kmemquest.quiz.exam_model import Blueprint, Section
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.grade import Grade
from kmemquest.store import Store
from kmemquest.tui.app import GameApp
from kmemquest.tui.quiz_source import BankTrainer
from kmemquest.tui.screens.exam import ExamScreen
from kmemquest.tui.screens.exam_menu import ExamMenuScreen
from kmemquest.tui.screens.exam_report import ExamAnswerScreen
from kmemquest.tui.screens.quiz_question import now
from kmemquest.tui.services import Services
from kmemquest.tui.widgets.choice_list import ChoiceList
from kmemquest.tui.widgets.key_line import KeyLine

EVERY_KIND = Path(__file__).parents[1] / "quiz" / "every_kind"


def sitting(*kinds: str) -> Sitting:
    blueprint = Blueprint(
        format_version=1,
        id="sample",
        minutes=10,
        sections=[
            Section(count=1, difficulty=[1, 2, 3, 4, 5], kinds=[kind], generated=False)  # type: ignore[list-item]
            for kind in kinds
        ],
    )
    bank = Bank(EVERY_KIND)
    return Sitting(draw_paper(blueprint, bank, 7), bank, "en", now())


@asynccontextmanager
async def sat(
    given: Sitting, store: Store | None = None
) -> AsyncIterator[tuple[GameApp, ExamScreen, Pilot[None]]]:
    fake = services(store)
    supplied = Services(fake.store, fake.preferences, fake._open_library,
                        lambda: BankTrainer(Bank(EVERY_KIND)))  # fmt: skip
    async with game(supplied) as (app, pilot):
        screen = ExamScreen(given)
        await app.push_screen(screen)
        await until(pilot, lambda: screen.question is not None, "the first question")
        yield app, screen, pilot


def letter(screen: ExamScreen, *, right: bool = True) -> str:
    assert screen.question is not None
    options = screen.question.options
    return "abcdefgh"[next(n for n, option in enumerate(options) if option.correct == right)]


async def test_answers_are_taken_without_feedback_and_reported_at_the_end() -> None:
    store = Store.in_memory()
    async with sat(sitting("single", "numeric"), store) as (app, screen, pilot):
        assert "9:" in screen_text(app) or "10:00" in screen_text(app)
        await press(pilot, letter(screen), "enter")
        await until(pilot, lambda: screen.place == 1, "the next question")
        assert "Right." not in screen_text(app)
        await press(pilot, *"100", "enter")
        await until(pilot, lambda: 1 in screen.sitting.grades, "the second answer")
        assert "128" not in screen_text(app)
        assert "Not so" not in screen_text(app)
        await press(pilot, "f10")
        await at(pilot, "lab-choose")
        await press(pilot, "down", "enter")
        await at(pilot, "exam-report")
        text = screen_text(app)
        assert "1 of 2 points (50 %)" in text
        assert "Not passed" in text
        assert len(store.review.exams) == 1
        assert store.review.exams[0].score == 0.5
        assert {grade.item for grade in store.review.grades} == {"q:k-single", "q:k-numeric"}
        await press(pilot, "end", "enter")
        await at(pilot, "exam-answer")
        await until(pilot, lambda: "Key: 128 bytes" in screen_text(app), "the key")


async def test_flags_and_going_back_keep_what_was_answered() -> None:
    async with sat(sitting("multiple", "single")) as (app, screen, pilot):
        await press(pilot, "a", "m")
        await until(pilot, lambda: "flagged" in screen_text(app), "the flag")
        chosen = screen.view.field.text() if screen.view.field else ""
        await press(pilot, "n")
        await until(pilot, lambda: screen.place == 1, "the next question")
        assert screen.sitting.grades[0].given == (chosen,)
        await press(pilot, "p")
        await until(pilot, lambda: screen.place == 0 and "[x]" in screen_text(app), "its tick")
        await press(pilot, "x")
        await until(pilot, lambda: 0 not in screen.sitting.grades, "cleared")
        await press(pilot, "o")
        await at(pilot, "lab-choose")
        assert "2 of 2 are open or flagged" in screen_text(app)


async def test_the_way_to_take_an_answer_back_is_shown_once_there_is_one() -> None:
    async with sat(sitting("single")) as (app, screen, pilot):
        shown = app.screen.query(KeyLine).first().entries
        assert "clear" not in [label for _op, _key, label in shown()]
        await press(pilot, letter(screen), "enter")
        await until(pilot, lambda: 0 in screen.sitting.grades, "the answer")
        await until(pilot, lambda: "clear" in [label for _o, _k, label in shown()], "the key")
        await press(pilot, "x")
        await until(pilot, lambda: not screen.sitting.grades, "taken back")


@pytest.mark.parametrize("kind", ["single", "multiple", "bug"])
async def test_enter_alone_answers_nothing(kind: str) -> None:
    async with sat(sitting(kind)) as (_app, screen, pilot):
        await press(pilot, "enter")
        await pilot.pause()
        await until(pilot, lambda: not screen._busy, "rest")
        assert not screen.sitting.grades


@pytest.mark.parametrize("kind", ["single", "multiple", "order"])
async def test_what_was_not_answered_looks_so_in_the_report(kind: str) -> None:
    given = sitting(kind)
    async with sat(given) as (app, _exam, pilot):
        screen = ExamAnswerScreen(given, 0)
        await app.push_screen(screen)
        await until(pilot, lambda: screen.grade is not None, "the answer")
        await until(pilot, lambda: "It was not answered." in screen_text(app), "a word")
        answer = screen.query_one("#answer")
        rows = [
            strip.text
            for listing in answer.query(ChoiceList)
            for strip in map(listing.render_line, range(listing.row_count()))
        ]
        assert rows
        assert not [row for row in rows if app.glyphs.pointer in row]
        if kind == "order":
            assert not [row for row in rows if app.glyphs.met in row]


async def test_what_cannot_be_read_costs_nothing() -> None:
    async with sat(sitting("numeric")) as (app, screen, pilot):
        await press(pilot, *"many", "enter")
        await until(pilot, lambda: "no whole number" in screen_text(app), "a word")
        assert not screen.sitting.grades


async def test_the_clock_ends_the_interview() -> None:
    given = sitting("single")
    async with sat(given) as (_app, screen, pilot):
        given.started -= timedelta(minutes=11)
        screen._tick()
        await at(pilot, "exam-report")


async def test_leaving_asks_first() -> None:
    async with sat(sitting("single")) as (app, _screen, pilot):
        await press(pilot, "q")
        await at(pilot, "lab-choose")
        await press(pilot, "enter")
        await at(pilot, "exam")
        await press(pilot, "q")
        await at(pilot, "lab-choose")
        await press(pilot, "end", "enter")
        await until(pilot, lambda: name_of(app) == "home", "thrown away")
        assert not app.services.store.review.exams


@pytest.mark.parametrize("kind", ["single", "multiple", "numeric", "order", "code", "bug", "match"])
async def test_keys_fit_for_every_kind(kind: str) -> None:
    async with sat(sitting(kind)) as (app, screen, _pilot):
        assert app.screen.query(KeyLine).first().needed_width() <= 80
        screen.sitting.grades[0] = Grade(screen.question, frozenset(), None, 0.0, ())  # type: ignore[arg-type]
        screen.show_keys()
        assert app.screen.query(KeyLine).first().needed_width() <= 80


async def test_a_shipped_interview_begins_from_the_list() -> None:
    load_generators()
    async with game() as (app, pilot):
        await app.push_screen(ExamMenuScreen(open_bank()))
        await at(pilot, "exam-menu")
        await press(pilot, "enter")
        await at(pilot, "exam")
