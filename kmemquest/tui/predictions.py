"""Levels' predictions for the interview trainer: what will the reference solution do?

Nothing here draws: the screens and the command line use it alike.
"""

from __future__ import annotations

from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import _
from kmemquest.level.attempt import Attempt
from kmemquest.level.library import Library
from kmemquest.level.probes import answer_label
from kmemquest.level.verdict import judge
from kmemquest.quiz.prediction import Foretelling, prediction_question
from kmemquest.quiz.question import Question
from kmemquest.quiz.review_item import ReviewItem, prediction_item
from kmemquest.store import Store


def prediction_items(library: Library, store: Store) -> tuple[ReviewItem, ...]:
    """Return an item for each level of the campaign that the player has passed.

    Others would give their solution away. The topic is `levels`.
    """
    return tuple(
        prediction_item(entry.id, "levels", _difficulty(entry.head.get("difficulty")))
        for entry in library.entries
        if store.level(entry.id).passed
    )


def _difficulty(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 5 else 1


def prediction_of(library: Library, name: str) -> Question | None:
    """Return a level's prediction as a question, None if the level is gone or broken.

    The key comes out of a run of the level's solution.
    """
    try:
        level = library.entry(name).load()
    except (LookupError, ProblemsFound):
        return None
    attempt = Attempt(level, level.file.solution)
    verdict = judge(level, attempt.run())
    if verdict.truth not in level.file.predict.of:
        return None
    truth = answer_label(verdict.truth)
    asked = Foretelling(
        level.id,
        "levels",
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
