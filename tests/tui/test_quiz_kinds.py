"""Every kind of question on the screen: answered by keys and mouse, graded, explained, saved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from tui_fake import services
from tui_pilot import at, game, name_of, press, screen_text, until

from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.generator import generate
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.question import Question
from kmemquest.store import Store
from kmemquest.tui.app import GameApp
from kmemquest.tui.quiz_source import BankTrainer
from kmemquest.tui.screens.quiz import QuizScreen
from kmemquest.tui.services import Services
from kmemquest.tui.widgets.key_line import KeyLine
from kmemquest.tui.widgets.order_list import OrderList

EVERY_KIND = Path(__file__).parents[1] / "quiz" / "every_kind"
NARROW, WIDE = (80, 24), (160, 50)


def sample(kind: str) -> Question:
    return Bank(EVERY_KIND).question(f"k-{kind}", "en")


@asynccontextmanager
async def asked(
    question: Question,
    store: Store | None = None,
    size: tuple[int, int] = NARROW,
    glyphs: str = "unicode",
) -> AsyncIterator[tuple[GameApp, QuizScreen, Pilot[None]]]:
    async with game(services(store, glyphs=glyphs), size) as (app, pilot):
        screen = QuizScreen([question])
        await app.push_screen(screen)
        await at(pilot, "quiz")
        await until(pilot, lambda: screen.question is not None, "the question")
        yield app, screen, pilot


RIGHT = {
    "single": ["a", "enter"],
    "multiple": ["a", "b", "enter"],
    "numeric": [*"128", "enter"],
    "order": ["enter"],
    "code": [*"kmalloc(8,GFP_NOWAIT)", "enter"],
    "bug": ["c", "enter"],
    "log": ["a", "enter"],
    "match": [*"abc", "enter"],
}
WRONG = {
    "single": ["b", "enter"],
    "multiple": ["a", "c", "enter"],
    "numeric": [*"100", "enter"],
    "order": ["space", "down", "space", "enter"],
    "code": [*"kmalloc(64,GFP_KERNEL)", "enter"],
    "bug": [*["down"] * 9, "enter"],
    "log": ["b", "enter"],
    "match": [*"bac", "enter"],
}


@pytest.mark.parametrize("size", [NARROW, WIDE])
@pytest.mark.parametrize("kind", RIGHT)
async def test_the_right_answer_of_every_kind_is_taken(kind: str, size: tuple[int, int]) -> None:
    store = Store.in_memory()
    async with asked(sample(kind), store, size) as (app, screen, pilot):
        await press(pilot, *RIGHT[kind])
        await until(pilot, lambda: screen.grade is not None, "a grade")
        assert screen.grade is not None
        assert screen.grade.passed
        await until(pilot, lambda: "Right." in screen_text(app), "the verdict")
        assert store.question(f"k-{kind}").last_right
        assert [grade.item for grade in store.review.grades] == [f"q:k-{kind}"]
        assert len(list(app.screen.walk_children())) <= 150


@pytest.mark.parametrize("kind", WRONG)
async def test_a_wrong_answer_of_every_kind_is_explained(kind: str) -> None:
    async with asked(sample(kind), size=WIDE) as (app, screen, pilot):
        await press(pilot, *WRONG[kind])
        await until(pilot, lambda: screen.grade is not None, "a grade")
        assert screen.grade is not None
        assert not screen.grade.passed
        # Feedback, explanation and source are there for every kind.
        text = screen_text(app)
        assert "words of" in text
        assert "Source:" in text
        if screen.grade.findings is not None:
            assert "the kernel log" in text


async def test_a_myth_is_not_judged_before_its_experiment_was_run() -> None:
    async with asked(sample("court")) as (app, screen, pilot):
        await press(pilot, "b", "enter")
        await until(pilot, lambda: "Hear the evidence" in screen_text(app), "a word about it")
        assert screen.grade is None
        await press(pilot, "r")
        await until(pilot, lambda: screen.view.findings is not None, "the run")
        await until(pilot, lambda: "taints kernel" in screen_text(app), "its log")
        await press(pilot, "b", "enter")
        await until(pilot, lambda: screen.grade is not None, "the verdict")
        assert screen.grade is not None
        assert screen.grade.passed


async def test_the_key_of_a_hidden_driver_is_not_shown_before_the_answer() -> None:
    async with asked(sample("numeric"), size=WIDE) as (app, _screen, pilot):
        assert "ksize" not in screen_text(app)
        await press(pilot, *"128", "enter")
        await until(pilot, lambda: "ksize" in screen_text(app), "the driver")


async def test_code_that_does_not_compile_costs_nothing() -> None:
    async with asked(sample("code")) as (app, screen, pilot):
        await press(pilot, *"kmaloc(", "enter")
        await until(
            pilot, lambda: "kmaloc" in screen_text(app).partition("your answer")[2], "words"
        )
        await until(pilot, lambda: "expected" in screen_text(app), "what the build says")
        assert screen.grade is None
        assert screen.answered == 0


async def test_code_appears_in_the_driver_while_it_is_typed() -> None:
    async with asked(sample("code")) as (app, _screen, pilot):
        await press(pilot, *"kzalloc(8,0)")
        await until(pilot, lambda: "p = kzalloc(8,0);" in screen_text(app), "the code in place")


async def test_lines_are_brought_into_order_with_the_mouse() -> None:
    async with asked(sample("order")) as (app, _screen, pilot):
        lines = app.screen.query_one(OrderList)
        before = lines.order
        await pilot.click(OrderList, offset=(12, 0))
        await pilot.click(OrderList, offset=(12, 2))
        await until(pilot, lambda: lines.order == (*before[1:], before[0]), "the line moved")


async def test_generated_questions_offer_another_one_and_show_their_seed() -> None:
    load_generators()
    given = Services(Store.in_memory(), services().preferences, services()._open_library,
                     lambda: BankTrainer(Bank(EVERY_KIND)))  # fmt: skip
    question = generate("kmalloc-size", 7) if "kmalloc-size" in _families() else _first()
    async with game(given) as (app, pilot):
        screen = QuizScreen([question])
        await app.push_screen(screen)
        await until(pilot, lambda: "#" in screen_text(app), "the seed in the first line")
        await press(pilot, "a", "enter")
        await until(pilot, lambda: screen.grade is not None, "a grade")
        await press(pilot, "m")
        await until(pilot, lambda: screen.grade is None, "another one")
        assert screen.question is not None
        assert question.seed is not None
        assert screen.question.seed == question.seed + 1


def _families() -> set[str]:
    from kmemquest.quiz.generator import GENERATORS

    return set(GENERATORS)


def _first() -> Question:
    return generate(min(_families()), 7)


@pytest.mark.parametrize("kind", [*RIGHT, "court"])
async def test_keys_fit_and_ascii_is_ascii(kind: str) -> None:
    async with asked(sample(kind), glyphs="ascii") as (app, screen, pilot):
        for _phase in range(2):
            assert app.screen.query(KeyLine).first().needed_width() <= 80
            foreign = {sign for sign in screen_text(app) if ord(sign) > 126}
            assert not foreign - set("·×…─│▁▂▃▄▅▆▇█"), foreign
            if kind == "court":
                await press(pilot, "r")
                await until(pilot, lambda: screen.view.findings is not None, "the run")
            await press(pilot, *RIGHT.get(kind, ["b", "enter"]))
            await until(pilot, lambda: screen.grade is not None, "a grade")


async def test_q_leaves_a_question_at_once() -> None:
    async with asked(sample("single")) as (app, _screen, pilot):
        await press(pilot, "q")
        await until(pilot, lambda: name_of(app) == "home", "home")


@pytest.mark.parametrize("kind", ["numeric", "code"])
async def test_where_letters_are_text_the_key_line_names_keys_that_work(kind: str) -> None:
    async with asked(sample(kind)) as (app, screen, pilot):
        shown = {text for _op, text, _label in app.screen.query(KeyLine).first().entries()}
        assert "F4" in shown
        assert not shown & {"n", "q", "z"}
        await press(pilot, *RIGHT[kind])
        await until(pilot, lambda: screen.grade is not None, "a grade")
        shown = {text for _op, text, _label in app.screen.query(KeyLine).first().entries()}
        assert "q" in shown


async def test_f4_skips_while_a_number_is_typed() -> None:
    async with asked(sample("numeric")) as (app, _screen, pilot):
        await press(pilot, "1", "f4")
        await until(pilot, lambda: name_of(app) == "home", "the end of the round")


async def test_a_wrong_order_is_explained_in_the_right_one() -> None:
    async with asked(sample("order"), size=WIDE) as (app, screen, pilot):
        await press(pilot, *WRONG["order"])
        await until(pilot, lambda: "The right order:" in screen_text(app), "the explanation")
        said = screen_text(app).partition("The right order:")[2]
        options = {option.id: option.text for option in sample("order").options}
        places = [
            said.index(f"{n}. {options[name]}")
            for n, name in enumerate(screen.question.order if screen.question else (), 1)
        ]
        assert places == sorted(places)
        assert len(places) == len(options)


async def test_enter_alone_answers_nothing() -> None:
    async with asked(sample("single")) as (app, screen, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "Give an answer first." in screen_text(app), "a word")
        assert screen.grade is None
        await press(pilot, "down", "enter")
        await until(pilot, lambda: screen.grade is not None, "a grade")


async def test_the_key_line_names_the_key_that_answers() -> None:
    for lines, key in ((True, "^r"), (False, "⏎")):
        question = replace(sample("code"), several_lines=lines)
        async with asked(question) as (app, _screen, _pilot):
            entries = app.screen.query(KeyLine).first().entries()
            assert (key, "submit") in [(shown, label) for _op, shown, label in entries]


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_driver_that_does_not_build_shows_why(size: tuple[int, int]) -> None:
    question = open_bank().question("court-two-underscores", "en")
    async with asked(question, size=size) as (app, screen, pilot):
        await press(pilot, "r")
        await until(pilot, lambda: screen.view.findings is not None, "the run")
        await until(pilot, lambda: "error:" in screen_text(app), "the compiler's words")
        text = screen_text(app)
        assert "the compiler" in text
        assert "log is empty" not in text
        assert "does-not-compile" not in text


async def test_every_line_of_a_driver_can_be_read_to_its_end() -> None:
    question = open_bank().question("court-contiguous-pages", "en")
    assert question.experiment is not None
    async with asked(question, size=WIDE) as (app, _screen, _pilot):
        shown = "".join(screen_text(app).split())
        longest = max(question.experiment.driver.split("\n"), key=lambda row: len(row.expandtabs()))
        assert "".join(longest.split()[-2:]) in shown
