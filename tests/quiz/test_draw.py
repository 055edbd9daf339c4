"""Drawing: reproducible, within the topic, no question twice, not too many generated ones."""

from pathlib import Path

import pytest

from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.draw import draw, topics
from kmemquest.quiz.generator import GENERATORS
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.question import Question

load_generators()


def words(question: Question) -> tuple[str, ...]:
    return (question.prompt, *sorted(option.text for option in question.options))


def test_drawing_is_reproducible() -> None:
    bank = open_bank()
    assert draw(bank, 12, seed=5) == draw(bank, 12, seed=5)
    assert draw(bank, 12, seed=5) != draw(bank, 12, seed=6)


def test_both_languages_draw_the_same_questions() -> None:
    english, chinese = (draw(open_bank(), 14, 3, None, language) for language in LANGUAGES)
    assert [question.id for question in english] == [question.id for question in chinese]


def test_drawing_keeps_to_the_topic() -> None:
    bank = open_bank()
    for topic in topics(bank):
        questions = draw(bank, 5, seed=1, topic=topic)
        assert len(questions) == 5
        assert {question.topic for question in questions} == {topic}


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_at_most_half_are_generated(count: int) -> None:
    shares = []
    for seed in range(15):
        questions = draw(open_bank(), count, seed)
        assert len(questions) == count
        shares.append(sum(question.seed is not None for question in questions))
    assert max(shares) <= count // 2
    if count == 10:
        assert min(shares) > 0


def test_generated_questions_of_one_draw_come_from_different_topics() -> None:
    known = {generator.topic for generator in GENERATORS.values()}
    for seed in range(10):
        made = [question.topic for question in draw(open_bank(), 10, seed) if question.seed]
        assert len(set(made)) == min(len(made), len(known))


def test_a_topic_without_bank_questions_is_all_generated(tmp_path: Path) -> None:
    drawn = draw(Bank(tmp_path), 10, 1, "slab")
    assert len(drawn) == 10
    assert all(question.seed is not None for question in drawn)


def test_every_generator_belongs_to_a_topic_that_the_bank_titles() -> None:
    load_generators()
    titled = {entry.topic for entry in open_bank().entries}
    assert {generator.topic for generator in GENERATORS.values()} <= titled


def test_what_the_bank_lacks_is_generated() -> None:
    bank = open_bank()
    beyond = 40
    questions = draw(bank, len(bank.entries) + beyond, seed=2)
    assert len(questions) == len(bank.entries) + beyond
    assert sum(question.seed is None for question in questions) == len(bank.entries)


def test_no_question_comes_twice() -> None:
    for topic in (None, "zones", "pages"):
        asked = [words(question) for question in draw(open_bank(), 24, 9, topic)]
        assert len(set(asked)) == len(asked)
