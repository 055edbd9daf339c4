"""Review as the screens see it: cards over bank, generators and predictions of levels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kmemquest.i18n import language

if TYPE_CHECKING:
    from kmemquest.level.library import Library
    from kmemquest.quiz.bank import Bank
    from kmemquest.quiz.question import Question
    from kmemquest.quiz.review import Review
    from kmemquest.store import Store


@dataclass(slots=True)
class ReviewDesk:
    """A player's review: the cards, and where the questions come from."""

    review: Review
    bank: Bank
    library: Library

    def question(self, key: str, seed: int) -> Question | None:
        """The question that an item asks this time; None if its level is gone. May run a driver."""
        from kmemquest.quiz.review_item import question_of
        from kmemquest.tui.predictions import prediction_of

        item = self.review.items[key]
        if item.is_prediction:
            return prediction_of(self.library, item.name)
        return question_of(item, self.bank, language(), seed)

    def words(self, key: str) -> str:
        """What an item asks in one line, for lists and messages: never its id while it exists."""
        from kmemquest.content.problem import ProblemsFound
        from kmemquest.quiz.review_item import item_words
        from kmemquest.tui.predictions import level_of

        item = self.review.items.get(key)
        if item is None:
            return key
        try:
            if item.is_prediction:
                return self.library.entry(level_of(item.name)).title()
            return item_words(item, self.bank, language(), self.review.seed_of(key))
        except (LookupError, ProblemsFound, OSError):
            return item.name.replace("-", " ")


def open_review(store: Store, bank: Bank) -> ReviewDesk:
    """Open the review of a save file. Slow the first time: the scheduler's library is loaded."""
    from kmemquest.level.library import Library
    from kmemquest.quiz.review import Review
    from kmemquest.quiz.review_item import items_of
    from kmemquest.tui.predictions import prediction_items

    library = Library.open()
    return ReviewDesk(
        Review(store, items_of(bank, prediction_items(library, store))), bank, library
    )


def due_at_a_glance(store: Store, now: datetime) -> int:
    """How many seen items are due by now, without loading the scheduler."""
    count = 0
    for card in store.review.cards.values():
        if card.card and not card.suspended:
            try:
                count += datetime.fromisoformat(json.loads(card.card)["due"]) <= now
            except (ValueError, KeyError, TypeError):
                continue
    return count
