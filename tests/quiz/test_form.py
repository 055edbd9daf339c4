"""No bank question gives its key away by the look of the options."""

from collections.abc import Callable
from functools import cache

import pytest

from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.bank import open_bank
from kmemquest.quiz.question import Question

HEDGES = {
    "en": ("may ", "might", "usually", "perhaps", "possibly", "often", "mostly", "sometimes"),
    "zh_CN": ("可能", "也许", "通常", "往往", "有时", "大多"),
}
ABSOLUTES = {
    "en": ("always", "never", "every", "any ", "all ", "only", "at once"),
    "zh_CN": ("永远", "总", "从不", "任何", "一切", "所有", "只"),
}


@cache
def questions(language: str) -> list[Question]:
    """Questions whose options are texts to choose from."""
    bank = open_bank()
    asked = [bank.question(entry.id, language) for entry in bank.entries]
    return [question for question in asked if question.kind in ("single", "multiple")]


def share(language: str, picks: Callable[[Question], bool]) -> float:
    asked = questions(language)
    return sum(map(picks, asked)) / len(asked)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("extreme", [max, min])
def test_the_right_option_is_seldom_the_longest_or_the_shortest(
    language: str, extreme: Callable[[list[int]], int]
) -> None:
    def found(question: Question) -> bool:
        length = extreme([len(option.text) for option in question.options])
        return any(len(option.text) == length for option in question.options if option.correct)

    assert share(language, found) <= 0.40


@pytest.mark.parametrize("language", LANGUAGES)
def test_hedging_does_not_mark_the_right_option(language: str) -> None:
    def hedged(text: str) -> bool:
        return any(word in text.lower() for word in HEDGES[language])

    def only_right_ones_hedge(question: Question) -> bool:
        marked = [option.correct for option in question.options if hedged(option.text)]
        return bool(marked) and all(marked)

    assert share(language, only_right_ones_hedge) <= 0.10


@pytest.mark.parametrize("language", LANGUAGES)
def test_sweeping_words_seldom_leave_only_the_key(language: str) -> None:
    def sweeping(text: str) -> bool:
        return any(word in text.lower() for word in ABSOLUTES[language])

    def all_wrong_ones_sweep(question: Question) -> bool:
        wrong = [sweeping(option.text) for option in question.options if not option.correct]
        right = [sweeping(option.text) for option in question.options if option.correct]
        return all(wrong) and not any(right)

    assert share(language, all_wrong_ones_sweep) <= 0.15
