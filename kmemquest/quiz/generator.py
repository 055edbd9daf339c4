"""Generated questions: the simulator computes the key, misconceptions compute the wrong options.

A generator draws parameters from a seeded source and returns a draft; `generate` turns it into a
question with shuffled options. No right answer and no wrong one is ever typed in: each wrong
option is what somebody with a named misconception would compute.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from kmemquest.i18n import _, language, set_language
from kmemquest.quiz.question import Option, Question

MAX_WRONG_OPTIONS: Final = 3


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong option: the value somebody gets who believes `misconception`."""

    text: str
    misconception: str
    feedback: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a generator returns, in the current language."""

    prompt: str
    answer: str
    explanation: str
    wrong: tuple[Wrong, ...]
    sources: tuple[str, ...]
    right_feedback: str = ""


@dataclass(frozen=True, slots=True)
class Generator:
    """A family of questions."""

    name: str
    topic: str
    difficulty: int
    make: Callable[[random.Random], Draft] = field(repr=False)
    revision: int = 1
    """Raised when a family asks for something else than before: its review starts over."""
    tags: tuple[str, ...] = ()


GENERATORS: Final[dict[str, Generator]] = {}


def generator(
    name: str, topic: str, difficulty: int, *, revision: int = 1, tags: tuple[str, ...] = ()
) -> Callable[[Callable[[random.Random], Draft]], Callable[[random.Random], Draft]]:
    """Register a generator function under a stable name."""

    def register(make: Callable[[random.Random], Draft]) -> Callable[[random.Random], Draft]:
        GENERATORS[name] = Generator(name, topic, difficulty, make, revision, tags)
        return make

    return register


def generate(name: str, seed: int, in_language: str = "en") -> Question:
    """Make the question of a generator for a seed; the same pair always gives the same question."""
    made = GENERATORS[name]
    chance = random.Random(f"{name}:{seed}")
    before = language()
    set_language(in_language)
    try:
        draft = made.make(chance)
        right_feedback = draft.right_feedback or _("Right.")
    finally:
        set_language(before)
    options = [Option("right", draft.answer, right_feedback, correct=True)]
    taken = {draft.answer}
    for wrong in draft.wrong:
        if wrong.text not in taken and len(options) <= MAX_WRONG_OPTIONS:
            taken.add(wrong.text)
            belief = wrong.misconception
            options.append(Option(belief, wrong.text, wrong.feedback, False, belief))
    chance.shuffle(options)
    return Question(
        id=f"{name}#{seed}",
        topic=made.topic,
        kind="single",
        difficulty=made.difficulty,
        prompt=draft.prompt,
        options=tuple(options),
        explanation=draft.explanation,
        sources=draft.sources,
        seed=seed,
        revision=made.revision,
        tags=made.tags,
    )
