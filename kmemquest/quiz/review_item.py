"""What can be reviewed: bank questions, generator families and predictions of levels."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kmemquest.quiz.bank import Bank
from kmemquest.quiz.draw import shuffled
from kmemquest.quiz.generator import GENERATORS, generate
from kmemquest.quiz.question import Question

BANK: Final = "q:"
FAMILY: Final = "g:"
PREDICTION: Final = "p:"


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """Something to remember. `key` is stable for ever; a higher `revision` begins anew."""

    key: str
    topic: str
    difficulty: int
    revision: int = 1

    @property
    def name(self) -> str:
        """The question's, family's or level's own id."""
        return self.key.partition(":")[2]

    @property
    def is_prediction(self) -> bool:
        """True if a level asks, not the quiz room."""
        return self.key.startswith(PREDICTION)


def items_of(bank: Bank, predictions: Iterable[ReviewItem] = ()) -> tuple[ReviewItem, ...]:
    """Return everything to review: easy first within a topic, topics taking turns.

    The generators must be loaded. `predictions` come from whoever knows the levels.
    """
    items = [
        ReviewItem(BANK + entry.id, entry.topic, entry.difficulty, entry.revision)
        for entry in bank.entries
    ]
    items += [
        ReviewItem(FAMILY + family.name, family.topic, family.difficulty, family.revision)
        for family in GENERATORS.values()
    ]
    items += predictions
    piles: dict[str, list[ReviewItem]] = {}
    for item in sorted(items, key=lambda item: (item.topic, item.difficulty, item.key)):
        piles.setdefault(item.topic, []).append(item)
    longest = max(map(len, piles.values()), default=0)
    return tuple(
        pile[turn] for turn in range(longest) for pile in piles.values() if turn < len(pile)
    )


def prediction_item(level: str, topic: str, difficulty: int) -> ReviewItem:
    """Return the item for a level's prediction."""
    return ReviewItem(PREDICTION + level, topic, difficulty)


def question_of(item: ReviewItem, bank: Bank, language: str, seed: int) -> Question:
    """Return the question that an item asks this time; KeyError for predictions.

    A bank question gets its options in an order drawn from the seed, a family makes the question
    of that seed.
    """
    if item.key.startswith(FAMILY):
        return generate(item.name, seed % 1_000_000 or 1, language)
    if item.is_prediction:
        raise KeyError(item.key)
    return shuffled(bank.question(item.name, language), random.Random(f"{item.key}:{seed}"))


def item_words(item: ReviewItem, bank: Bank, language: str, seed: int = 1) -> str:
    """Return what an item asks in one line, for lists; KeyError for predictions.

    A claim on trial stands for its question. A family tells what it asks with this seed.
    """
    if item.key.startswith(FAMILY):
        question = generate(item.name, seed % 1_000_000 or 1, language)
    elif item.is_prediction:
        raise KeyError(item.key)
    else:
        question = bank.question(item.name, language)
    return " ".join((question.claim or question.prompt).split())


def key_of(question: Question) -> str:
    """Return the item key of a question: its own, or its family's."""
    if question.id.startswith(PREDICTION):
        return question.id
    if question.seed is not None:
        return FAMILY + question.id.partition("#")[0]
    return BANK + question.id


def offered_beliefs(question: Question) -> tuple[str, ...]:
    """Return the misconceptions that a question tempts with."""
    beliefs = {
        option.belief or (option.id if question.seed is not None else "")
        for option in question.options
        if not option.correct
    }
    return tuple(sorted(beliefs - {""}))
