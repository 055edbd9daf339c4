"""What the grades tell: topics, weaknesses, misconceptions, retention, and what is coming."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from kmemquest.quiz.bank import Bank
from kmemquest.quiz.generator import GENERATORS
from kmemquest.quiz.review import OUTSIDE, Review
from kmemquest.quiz.review_item import BANK, FAMILY
from kmemquest.quiz.review_plan import Settings, effective_due
from kmemquest.store.review_records import ReviewGrade

CURED_AFTER: Final = 2
"""A belief counts as overcome after resisting it so many times in a row."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic at a glance. Shares lie between 0 and 1, and are None while nothing was seen.

    `right` is over the answers of review itself (not those of a quiz, an exam or a cram), `recall`
    a mean over what was seen.
    """

    topic: str
    items: int
    seen: int
    due: int
    suspended: int
    right: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class Weakness:
    """An item that is badly known: `recall` now, and how often it was answered wrong."""

    key: str
    topic: str
    recall: float
    wrong: int


@dataclass(frozen=True, slots=True)
class BeliefState:
    """A misconception across questions: times held, times resisted since it was held last."""

    belief: str
    held: int
    resisted_since: int

    @property
    def overcome(self) -> bool:
        """True after resisting it several times in a row."""
        return self.resisted_since >= CURED_AFTER


@dataclass(frozen=True, slots=True)
class DayState:
    """One day of review: grades, those that were right, and the mean recall FSRS foretold.

    `right` counts only items that were known before (what retention means), `recalled` of them
    were answered rightly; `foretold` is a mean between 0 and 1, -1 without any.
    """

    day: date
    grades: int
    known: int
    recalled: int
    foretold: float


def topic_states(review: Review, now: datetime, settings: Settings) -> tuple[TopicState, ...]:
    """Return every topic, sorted by name."""
    piles: dict[str, list[str]] = defaultdict(list)
    for key, item in review.items.items():
        piles[item.topic].append(key)
    scores: dict[str, list[float]] = defaultdict(list)
    for grade in review.store.review.grades:
        if grade.rating != OUTSIDE:
            scores[grade.topic].append(grade.score)
    states = []
    for topic, keys in sorted(piles.items()):
        dues = {key: effective_due(review, key, settings, now.date()) for key in keys}
        seen = [key for key in keys if dues[key] is not None]
        recall = [review.recall(key, now) for key in seen]
        states.append(
            TopicState(
                topic,
                len(keys),
                len(seen),
                sum(moment is not None and moment <= now for moment in dues.values()),
                sum(review.record(key).suspended for key in keys),
                _mean(scores[topic]) if seen and scores[topic] else None,
                _mean(recall) if seen else None,
            )
        )
    return tuple(states)


def weaknesses(review: Review, now: datetime, count: int = 10) -> tuple[Weakness, ...]:
    """Return what is known worst of all that was seen: most often wrong, then least recalled."""
    wrong = Counter(grade.item for grade in review.store.review.grades if grade.score < 1)
    seen = {grade.item for grade in review.store.review.grades if grade.item in review.items}
    rows = [
        Weakness(key, review.items[key].topic, review.recall(key, now), wrong[key])
        for key in sorted(seen)
        if not review.record(key).suspended
    ]
    rows = [row for row in rows if row.wrong]
    return tuple(sorted(rows, key=lambda row: (-row.wrong, row.recall, row.key))[:count])


def belief_states(grades: Sequence[ReviewGrade]) -> tuple[BeliefState, ...]:
    """Return the misconceptions ever held, those not overcome first, the most held first."""
    held: Counter[str] = Counter()
    since: Counter[str] = Counter()
    for grade in grades:
        for belief in grade.beliefs:
            held[belief] += 1
            since[belief] = 0
        if grade.score >= 1:
            for belief in grade.offered:
                since[belief] += 1
    states = [BeliefState(belief, held[belief], since[belief]) for belief in held]
    return tuple(sorted(states, key=lambda state: (state.overcome, -state.held, state.belief)))


def drill(bank: Bank, beliefs: Sequence[str], language: str = "en") -> tuple[str, ...]:
    """Return the items that tempt with one of the beliefs; generator families last.

    A family is taken if a question of one of its first seeds tempts with it.
    """
    from kmemquest.quiz.generator import generate
    from kmemquest.quiz.review_item import offered_beliefs

    wanted = set(beliefs)
    keys = [
        BANK + entry.id
        for entry in bank.entries
        if wanted & set(offered_beliefs(bank.question(entry.id, language)))
    ]
    keys += [
        FAMILY + name
        for name in sorted(GENERATORS)
        if any(wanted & set(offered_beliefs(generate(name, seed, language))) for seed in (1, 2))
    ]
    return tuple(keys)


def cram(
    review: Review, now: datetime, count: int, seed: int, topics: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return items to cram whatever their schedule: worst known first, unseen ones mixed in."""
    chance = random.Random(seed)
    keys = [
        key
        for key, item in review.items.items()
        if (not topics or item.topic in topics) and not review.record(key).suspended
    ]
    chance.shuffle(keys)
    keys.sort(key=lambda key: review.recall(key, now) if review.card(key) else 0.5)
    return tuple(keys[:count])


def retention(grades: Sequence[ReviewGrade], now: datetime, days: int = 30) -> tuple[DayState, ...]:
    """Return the last days, oldest first, days without grades included."""
    piles: dict[date, list[ReviewGrade]] = defaultdict(list)
    for grade in grades:
        piles[datetime.fromtimestamp(grade.at, now.tzinfo).date()].append(grade)
    today = now.date()
    return tuple(
        _day_state(day, piles.get(day, []))
        for day in (today - timedelta(days=back) for back in range(days - 1, -1, -1))
    )


def _day_state(day: date, grades: Sequence[ReviewGrade]) -> DayState:
    known = [grade for grade in grades if grade.recall >= 0 and grade.rating != OUTSIDE]
    foretold = _mean([grade.recall for grade in known]) if known else -1.0
    return DayState(
        day, len(grades), len(known), sum(grade.score >= 1 for grade in known), foretold
    )


def forecast(review: Review, now: datetime, settings: Settings, days: int = 30) -> tuple[int, ...]:
    """Return how many seen items are due today (overdue included), tomorrow, and so on."""
    counts = [0] * days
    for key in review.items:
        moment = effective_due(review, key, settings, now.date())
        if moment is None or review.record(key).suspended:
            continue
        ahead = max(0, (moment.astimezone(now.tzinfo).date() - now.date()).days)
        if ahead < days:
            counts[ahead] += 1
    return tuple(counts)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
