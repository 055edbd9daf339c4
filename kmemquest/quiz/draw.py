"""Drawing questions: the same seed gives the same questions in the same order, everywhere."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from kmemquest.quiz.bank import Bank
from kmemquest.quiz.generator import GENERATORS, generate
from kmemquest.quiz.question import Question


def topics(bank: Bank) -> tuple[str, ...]:
    """All topics of the bank and the generators, sorted."""
    generated = {generator.topic for generator in GENERATORS.values()}
    return tuple(sorted({entry.topic for entry in bank.entries} | generated))


def draw(
    bank: Bank, count: int, seed: int, topic: str | None = None, language: str = "en"
) -> tuple[Question, ...]:
    """Draw up to `count` different questions; generated ones get seeds of their own.

    Bank questions and generators of the topic are mixed; a generator may come again with another
    seed when there are not enough different ones.
    """
    chance = random.Random(seed)
    sources: list[str] = [entry.id for entry in bank.entries if topic in (None, entry.topic)]
    sources += [name for name, made in GENERATORS.items() if topic in (None, made.topic)]
    sources.sort()
    chance.shuffle(sources)
    generators = [name for name in sources if name in GENERATORS]
    drawn = []
    for index in range(count):
        if index < len(sources):
            source = sources[index]
        elif generators:
            source = generators[index % len(generators)]
        else:
            break
        if source in GENERATORS:
            drawn.append(generate(source, chance.randrange(1, 1_000_000), language))
        else:
            drawn.append(shuffled(bank.question(source, language), chance))
    return tuple(drawn)


def shuffled(question: Question, chance: random.Random) -> Question:
    """Return the question with its options in an order drawn from `chance`."""
    options: Sequence[object] = list(question.options)
    order = list(range(len(options)))
    chance.shuffle(order)
    return replace(question, options=tuple(question.options[i] for i in order))
