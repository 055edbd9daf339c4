"""A level's prediction as a question: what will the reference solution do?

The quiz room does not know levels: whoever does hands over plain values (`Foretelling`).
"""

from __future__ import annotations

from dataclasses import dataclass

from kmemquest.quiz.question import Option, Question
from kmemquest.quiz.review_item import PREDICTION


@dataclass(frozen=True, slots=True)
class Foretelling:
    """What a level asks before a run. `right` came out of a run of `source`.

    `choices` are (id, text) pairs.
    """

    level: str
    topic: str
    difficulty: int
    brief: str
    source: str
    ask: str
    choices: tuple[tuple[str, str], ...]
    right: str
    explanation: str
    sources: tuple[str, ...]


def prediction_question(asked: Foretelling, right_words: str, wrong_words: str) -> Question:
    """Return the question; the words are the feedback for right and wrong choices."""
    return Question(
        id=PREDICTION + asked.level,
        topic=asked.topic,
        kind="single",
        difficulty=asked.difficulty,
        prompt=f"{asked.brief}\n\n{asked.source}\n\n{asked.ask}",
        options=tuple(
            Option(
                name,
                text,
                right_words if name == asked.right else wrong_words,
                name == asked.right,
            )
            for name, text in asked.choices
        ),
        explanation=asked.explanation,
        sources=asked.sources,
    )
