"""Levels' predictions for the interview trainer: what will the reference solution do?

A level that asks at which size the answer changes gives a second item, `LEVEL@size`.

Nothing here draws: the screens and the command line use it alike.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import _
from kmemquest.level.attempt import Attempt
from kmemquest.level.library import Library
from kmemquest.level.load import Level
from kmemquest.level.probes import answer_label
from kmemquest.level.sweep import run_sweep, sweep_question
from kmemquest.level.verdict import judge
from kmemquest.quiz.draw import LEVELS
from kmemquest.quiz.prediction import Foretelling, prediction_question
from kmemquest.quiz.question import Question
from kmemquest.quiz.review import OUTSIDE
from kmemquest.quiz.review_item import ReviewItem, prediction_item
from kmemquest.store import ReviewCard, ReviewGrade, Store

TOPIC: Final = LEVELS
SIZE: Final = "@size"
"""What is appended to a level's id for its question about a size."""


def prediction_items(library: Library, store: Store) -> tuple[ReviewItem, ...]:
    """Return an item for each level of the campaign that the player has passed.

    Others would give their solution away. The topic is `levels`.
    """
    items = []
    for entry in library.entries:
        if store.level(entry.id).passed:
            difficulty = _difficulty(entry.head.get("difficulty"))
            items.append(prediction_item(entry.id, TOPIC, difficulty))
            if entry.head["sweep"]:
                items.append(prediction_item(entry.id + SIZE, TOPIC, difficulty))
    return tuple(items)


def _difficulty(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 5 else 1


def level_of(name: str) -> str:
    """Return the id of the level that a prediction's item asks about."""
    return name.removesuffix(SIZE)


def prediction_of(library: Library, name: str) -> Question | None:
    """Return a level's prediction as a question, None if the level is gone or broken.

    The key comes out of a run of the level's solution.
    """
    try:
        level = library.entry(level_of(name)).load()
    except (LookupError, ProblemsFound):
        return None
    if name.endswith(SIZE):
        return _size_question(level)
    attempt = Attempt(level, level.file.solution)
    verdict = judge(level, attempt.run())
    if verdict.truth not in level.file.predict.of:
        return None
    truth = answer_label(verdict.truth)
    asked = Foretelling(
        level.id,
        TOPIC,
        _difficulty(level.file.difficulty),
        level.text().story.rstrip(),
        attempt.source.text.rstrip(),
        level.text().ask or level.probe.text(),
        tuple((choice, answer_label(choice)) for choice in level.file.predict.of),
        verdict.truth,
        level.text().debrief.rstrip(),
        tuple(level.file.refs),
    )
    return prediction_question(
        asked,
        _("That is what the run shows."),
        _("The run of this driver shows: {truth}.").format(truth=truth),
    )


def _size_question(level: Level) -> Question | None:
    """At which size the answer is another one; the key is the simulator's sweep."""
    asked = sweep_question(level)
    if asked is None:
        return None
    sweep = run_sweep(level)
    if sweep.change is None:
        return None
    found = ", ".join(f"{point.value}: {answer_label(point.answer)}" for point in sweep.points)
    attempt = Attempt(level, level.file.solution)
    foretelling = Foretelling(
        level.id + SIZE,
        TOPIC,
        _difficulty(level.file.difficulty),
        level.text().story.rstrip(),
        attempt.source.text.rstrip(),
        " ".join(asked.text.split()),
        tuple((value, value) for value in asked.values),
        sweep.change,
        _("The simulator ran every value: {found}.").format(found=found),
        tuple(level.file.refs),
    )
    return prediction_question(
        foretelling,
        _("That is what the run shows."),
        _("It changes at {value}.").format(value=sweep.change),
    )


def note_size_answer(
    store: Store, level: str, difficulty: int, *, right: bool, now: datetime
) -> None:
    """Keep what was said after a level for review and report; no schedule moves."""
    item = prediction_item(level + SIZE, TOPIC, _difficulty(difficulty))
    card = store.review.cards.get(item.key) or ReviewCard(item.key, item.topic, item.revision)
    grade = ReviewGrade(
        now.timestamp(), item.key, item.topic, float(right), OUTSIDE, (), (), card.card
    )
    store.review.graded(card, grade)
