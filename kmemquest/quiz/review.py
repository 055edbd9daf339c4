"""Review that schedules itself: FSRS through its library, over the save file's cards.

Deterministic: fuzzing is off and the time is always handed in (aware datetimes). What is planned
for a day is in `review_plan`, what to make of the grades in `review_state`.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from kmemquest.quiz.grade import Grade
from kmemquest.quiz.review_item import BANK, FAMILY, PREDICTION, ReviewItem, key_of, offered_beliefs
from kmemquest.store.review_records import ReviewCard, ReviewGrade

if TYPE_CHECKING:
    from fsrs import Card, Scheduler

    from kmemquest.store import Store

AGAIN: Final = 1
HARD: Final = 2
GOOD: Final = 3
EASY: Final = 4
OUTSIDE: Final = 0
"""The rating of what was answered in cram mode: the schedule does not move."""
DESIRED_RETENTION: Final = 0.9
HALF: Final = 0.5


class Review:
    """A player's cards for the items there are.

    Opening it drops what belongs to removed questions and begins anew with materially changed
    ones; any other edit of a question keeps its card.
    """

    def __init__(
        self,
        store: Store,
        items: Sequence[ReviewItem],
        kinds: Sequence[str] = (BANK, FAMILY),
    ) -> None:
        """`kinds` are the prefixes of which `items` is the whole list."""
        self.store = store
        self.items: dict[str, ReviewItem] = {item.key: item for item in items}
        if any(item.is_prediction for item in items):
            kinds = (*kinds, PREDICTION)
        store.forget_questions(
            {item.name for item in items if item.key.startswith(BANK)},
            set(self.items),
            kinds,
        )
        for key, card in list(store.review.cards.items()):
            item = self.items.get(key)
            if item is not None and item.revision != card.revision:
                fresh = "" if item.revision > card.revision else card.card
                store.review.put(replace(card, revision=item.revision, card=fresh))

    # --- cards ------------------------------------------------------------------------------

    def record(self, key: str) -> ReviewCard:
        """Return an item's card; a new one if it was never seen."""
        item = self.items[key]
        found = self.store.review.cards.get(key)
        return found or ReviewCard(key, item.topic, item.revision)

    def card(self, key: str) -> Card | None:
        """Return an item's FSRS card, None while it is new."""
        return _card(self.record(key).card)

    def due(self, key: str) -> datetime | None:
        """Return when an item is due next, None while it is new."""
        card = self.card(key)
        return card.due if card is not None else None

    def recall(self, key: str, now: datetime) -> float:
        """Return how likely the player knows an item now, 0 to 1; 0 while it is new."""
        card = self.card(key)
        return 0.0 if card is None else _scheduler().get_card_retrievability(card, now)

    def previews(self, key: str, now: datetime) -> dict[int, datetime]:
        """Return for each rating when the item would come again."""
        return {
            rating: _scheduled(self.card(key), rating, now).due
            for rating in (AGAIN, HARD, GOOD, EASY)
        }

    def seed_of(self, key: str) -> int:
        """Return the seed of an item's next question: another one after each grade."""
        asked = sum(grade.item == key for grade in self.store.review.grades)
        return zlib.crc32(key.encode()) % 900_000 + 1 + asked

    # --- grading ----------------------------------------------------------------------------

    def answered(
        self,
        key: str,
        grade: Grade,
        now: datetime,
        *,
        rating: int | None = None,
        cram: bool = False,
    ) -> ReviewCard:
        """Save an answer at once and schedule its item; `rating` overrides the derived one.

        In cram mode the answer is saved (beliefs count) but the schedule does not move.
        """
        return self.rated(
            key,
            grade.score,
            now,
            rating=OUTSIDE if cram else (rating or rating_for(grade.score)),
            beliefs=grade.beliefs,
            offered=offered_beliefs(grade.question),
        )

    def rated(
        self,
        key: str,
        score: float,
        now: datetime,
        *,
        rating: int,
        beliefs: tuple[str, ...] = (),
        offered: tuple[str, ...] = (),
    ) -> ReviewCard:
        """Save a score between 0 and 1 for an item, and schedule it by `rating` (1 to 4, or 0)."""
        before = self.record(key)
        card = _card(before.card)
        recall = -1.0 if card is None else _scheduler().get_card_retrievability(card, now)
        after = before
        if rating != OUTSIDE:
            after = replace(before, card=_scheduled(card, rating, now).to_json())
        self.store.review.graded(
            after,
            ReviewGrade(
                now.timestamp(),
                key,
                before.topic,
                score,
                rating,
                beliefs,
                offered,
                before.card,
                recall,
            ),
        )
        return after

    def undo(self) -> str | None:
        """Take the last grade back; return its item's key, None if there is none."""
        grade = self.store.review.undo()
        return grade.item if grade is not None else None

    def suspend(self, key: str, suspended: bool = True) -> None:
        """Take an item out of review, or back into it; its card stays as it is."""
        self.store.review.put(replace(self.record(key), suspended=suspended))


def note_outside(store: Store, grade: Grade, now: datetime) -> None:
    """Save an answer given outside of review (quiz, exam): beliefs count, no schedule moves."""
    question = grade.question
    key = key_of(question)
    card = store.review.cards.get(key) or ReviewCard(key, question.topic, question.revision)
    store.review.graded(
        card,
        ReviewGrade(
            now.timestamp(),
            key,
            question.topic,
            grade.score,
            OUTSIDE,
            grade.beliefs,
            offered_beliefs(question),
            card.card,
        ),
    )


def rating_for(score: float) -> int:
    """Return the rating that a score between 0 and 1 stands for."""
    if score >= 1.0:
        return GOOD
    return HARD if score >= HALF else AGAIN


def _scheduler() -> Scheduler:
    from fsrs import Scheduler

    return Scheduler(desired_retention=DESIRED_RETENTION, enable_fuzzing=False)


def _card(text: str) -> Card | None:
    from fsrs import Card

    if not text:
        return None
    try:
        return Card.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError):
        # An unreadable card is forgotten, not fatal.
        return None


def _scheduled(card: Card | None, rating: int, now: datetime) -> Card:
    from fsrs import Card, Rating

    moment = now.astimezone(UTC)
    fresh = card or Card(card_id=0, due=moment)
    return _scheduler().review_card(fresh, Rating(rating), moment)[0]
