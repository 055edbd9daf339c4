"""Drawing questions: the same seed gives the same questions in the same order, everywhere."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from kmemquest.i18n import _
from kmemquest.quiz.bank import Bank
from kmemquest.quiz.generator import GENERATORS, generate
from kmemquest.quiz.question import Question

LEVELS: Final = "levels"
"""The topic of level predictions, which no bank file names."""
_TRIES: Final = 20
"""How often another seed is tried before a generator may ask the same thing again."""


def topics(bank: Bank) -> tuple[str, ...]:
    """All topics of the bank and of the generators that go with it, sorted."""
    generated = {family.topic for family in GENERATORS.values() if bank.families}
    return tuple(sorted({entry.topic for entry in bank.entries} | generated))


def topic_title(bank: Bank, topic: str, language: str) -> str:
    """Return a topic's title; its id in words where no file of the bank names it."""
    if topic == LEVELS:
        return _("Predictions of levels")
    return bank.title(topic, language) if topic in bank.topics else topic.replace("-", " ")


def draw(
    bank: Bank, count: int, seed: int, topic: str | None = None, language: str = "en"
) -> tuple[Question, ...]:
    """Draw up to `count` different questions; generated ones get seeds of their own.

    At most half of them are generated, as long as the bank has enough of the topic for the rest.
    Topics take turns on either side, and so do the generators of a topic.
    """
    chance = random.Random(seed)
    from_bank = _taking_turns(
        ((entry.topic, entry.id) for entry in bank.entries if topic in (None, entry.topic)), chance
    )
    made = _taking_turns(
        (
            (generator.topic, name)
            for name, generator in sorted(GENERATORS.items())
            if bank.families and topic in (None, generator.topic)
        ),
        chance,
    )
    generated = _how_many_generated(count, len(from_bank), len(made))
    sources = from_bank[: count - generated]
    sources += [made[index % len(made)] for index in range(generated)]
    chance.shuffle(sources)
    drawn: list[Question] = []
    asked: set[tuple[str, ...]] = set()
    for source in sources:
        if source in GENERATORS:
            drawn.append(_generated(source, chance, language, asked))
        else:
            drawn.append(shuffled(bank.question(source, language), chance))
    return tuple(drawn)


def _how_many_generated(count: int, in_bank: int, generators: int) -> int:
    """Return the generated share: as generators are to all sources, but half at most.

    What the bank lacks is generated beyond that.
    """
    if not generators:
        return 0
    share = min(count // 2, round(count * generators / (in_bank + generators)))
    return max(share, count - in_bank)


def _taking_turns(named: Iterable[tuple[str, str]], chance: random.Random) -> list[str]:
    """Shuffle the names of every topic, and the topics, then take one name of each in turn."""
    by_topic: dict[str, list[str]] = {}
    for topic, name in named:
        by_topic.setdefault(topic, []).append(name)
    piles = [by_topic[topic] for topic in sorted(by_topic)]
    for pile in piles:
        chance.shuffle(pile)
    chance.shuffle(piles)
    longest = max(map(len, piles), default=0)
    return [pile[turn] for turn in range(longest) for pile in piles if turn < len(pile)]


def _generated(
    name: str, chance: random.Random, language: str, asked: set[tuple[str, ...]]
) -> Question:
    """Generate a question that is not in `asked` yet, and enter it there."""
    for _try in range(_TRIES):
        question = generate(name, chance.randrange(1, 1_000_000), language)
        key = (question.prompt, *sorted(option.text for option in question.options))
        if key not in asked:
            break
    asked.add(key)
    return question


def shuffled(question: Question, chance: random.Random) -> Question:
    """Return the question with its options in an order drawn from `chance`.

    Suspicious lines stay in the order of the driver, and an order to find is never shown solved.
    """
    if question.kind in ("bug", "numeric", "code"):
        return question
    options = list(question.options)
    while True:
        chance.shuffle(options)
        if len(options) < 2 or tuple(option.id for option in options) != question.order:
            return replace(question, options=tuple(options))
