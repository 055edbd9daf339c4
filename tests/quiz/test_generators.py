"""Generated questions: one right option, no twins, every wrong one with its belief; reproducible."""

import pytest

from kmemquest.i18n import LANGUAGES, language
from kmemquest.quiz.bank import open_bank
from kmemquest.quiz.draw import draw, topics
from kmemquest.quiz.generator import GENERATORS, generate
from kmemquest.quiz.generators import load_generators

load_generators()
SEEDS = range(200)


def test_there_are_at_least_ten() -> None:
    assert len(GENERATORS) >= 10


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_every_seed_gives_a_sound_question(name: str) -> None:
    for seed in SEEDS:
        question = generate(name, seed)
        texts = [option.text for option in question.options]
        assert sum(option.correct for option in question.options) == 1
        assert len(set(texts)) == len(texts)
        assert len(texts) >= 3, (seed, texts)
        assert len({option.id for option in question.options}) == len(texts)
        for option in question.options:
            assert option.feedback
            assert option.correct == (option.id == "right")
        assert question.sources
        assert "{" not in question.prompt + question.explanation


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
    assert english.prompt != chinese.prompt
    assert [o.id for o in english.options] == [o.id for o in chinese.options]
    assert language() == "en"


def test_generators_leave_their_machine_as_it_was() -> None:
    from kmemquest.quiz.generators.machines import machine_with

    machine = machine_with()
    generate("kmalloc-large-pages", 1)

    def free() -> int:
        return sum(zone.true_free() + zone.pcp_pages() for zone in machine.pages.zones)

    before = free()
    for seed in range(20):
        for name in ("kmalloc-large-pages", "exact-pages"):
            generate(name, seed)
    assert free() == before


def test_drawing_is_reproducible_and_keeps_to_the_topic() -> None:
    bank = open_bank()
    assert draw(bank, 12, seed=5) == draw(bank, 12, seed=5)
    assert draw(bank, 12, seed=5) != draw(bank, 12, seed=6)
    for topic in topics(bank):
        questions = draw(bank, 5, seed=1, topic=topic)
        assert len(questions) == 5
        assert {question.topic for question in questions} == {topic}
    assert len(draw(bank, 60, seed=2)) == 60
