"""Generated questions: one right option, no twins, every wrong one with its belief."""

import re

import pytest

from kmemquest.i18n import LANGUAGES, language
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.quiz.generator import GENERATORS, generate
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.generators.machines import free_pages, machine_with

load_generators()
SEEDS = range(200)
UNFILLED = re.compile(r"\{\w+\}")
"""A place in a message that nothing was put into."""


def test_there_are_at_least_thirty() -> None:
    assert len(GENERATORS) >= 30


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_every_seed_gives_a_sound_question(name: str) -> None:
    for seed in SEEDS:
        question = generate(name, seed)
        texts = [option.text for option in question.options]
        assert sum(option.correct for option in question.options) == 1
        assert len(set(texts)) == len(texts)
        assert len(texts) == 4, (seed, texts)
        assert len({option.id for option in question.options}) == len(texts)
        for option in question.options:
            assert option.feedback
            assert option.correct == (option.id == "right")
        assert question.sources
        assert not UNFILLED.search(question.prompt + question.explanation)


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_a_seed_reproduces_its_question_whatever_came_before(name: str) -> None:
    first = generate(name, 7)
    for other in GENERATORS:
        generate(other, 3)
    assert generate(name, 7) == first
    assert any(generate(name, seed) != first for seed in range(8, 20))


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_both_languages_ask_the_same(name: str) -> None:
    english, chinese = (generate(name, 11, spoken) for spoken in LANGUAGES)
    assert english.seed == chinese.seed
    assert [o.id for o in english.options] == [o.id for o in chinese.options]
    assert language() == "en"


def test_every_question_gets_a_machine_that_nobody_has_touched() -> None:
    first = machine_with()
    free = free_pages(first)
    assert first.pages.alloc_pages(GFP_KERNEL, 3) >= 0
    assert free_pages(first) == free - 8
    assert free_pages(machine_with()) == free
