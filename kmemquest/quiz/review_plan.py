"""What to review today: due items, new ones, the daily cap, and the way to an exam's date."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from kmemquest.i18n import _
from kmemquest.quiz.review import OUTSIDE, Review

if TYPE_CHECKING:
    from kmemquest.store import Store

CAP: Final = "review-cap"
NEW_PER_DAY: Final = "review-new"
EXAM_DATE: Final = "review-exam-date"
DEFAULT_CAP: Final = 40
DEFAULT_NEW: Final = 10
FINAL_DAYS: Final = 7
"""The last days before an exam are for seeing everything once more (a third at most)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How much a day brings. `exam` is the day of the exam; None without one."""

    cap: int = DEFAULT_CAP
    new_per_day: int = DEFAULT_NEW
    exam: date | None = None

    @classmethod
    def of(cls, store: Store) -> Settings:
        """Read the player's settings; what cannot be read is the default."""
        return cls(
            _number(store.get(CAP), DEFAULT_CAP),
            _number(store.get(NEW_PER_DAY), DEFAULT_NEW),
            _day(store.get(EXAM_DATE)),
        )

    def save(self, store: Store) -> None:
        """Write the settings."""
        store.set(CAP, str(self.cap))
        store.set(NEW_PER_DAY, str(self.new_per_day))
        store.set(EXAM_DATE, self.exam.isoformat() if self.exam else "")


class NoExamDay(ValueError):
    """What was typed is no day on which an exam can be; the text says what was expected."""


def read_exam_day(text: str, today: date) -> date | None:
    """Return the day of an exam as it was typed, None for none; NoExamDay for anything else.

    An exam lies ahead: on the day itself there is nothing left to plan.
    """
    word = text.strip()
    if word.lower() in ("", "none", _("none")):
        return None
    try:
        day = date.fromisoformat(word)
    except ValueError:
        raise NoExamDay(_("Expected a day such as 2026-12-24, or none.")) from None
    if day <= today:
        raise NoExamDay(_("The exam must lie ahead: a day after {today}.").format(today=today))
    return day


@dataclass(frozen=True, slots=True)
class Plan:
    """What today brings, most urgent first.

    `due` were seen before, `new` not yet. `left_over` is what the cap pushes to another day;
    `over_cap` is true if an exam's date needs more than the cap allows (the exam wins).
    """

    due: tuple[str, ...]
    new: tuple[str, ...]
    done_today: int
    left_over: int = 0
    over_cap: bool = False

    @property
    def queue(self) -> tuple[str, ...]:
        """Due ones, then new ones."""
        return (*self.due, *self.new)


def plan(
    review: Review,
    now: datetime,
    settings: Settings,
    wanted: Callable[[str], bool] = lambda _key: True,
) -> Plan:
    """Return today's plan; `wanted` narrows it to a topic or the like.

    The day is that of `now`'s own time zone.
    """
    today = now.date()
    active = [k for k in review.items if wanted(k) and not review.record(k).suspended]
    dues = {key: effective_due(review, key, settings, today) for key in active}
    waiting = [
        (moment, key)
        for key in active
        if (moment := dues[key]) is not None and _is_due(review, key, moment, now)
    ]
    due = [key for _moment, key in sorted(waiting)]
    unseen = [key for key in active if dues[key] is None]
    done, new_done = _done_on(review, today, now)
    new_quota = max(0, settings.new_per_day - new_done)
    room = max(0, settings.cap - done)
    forced = 0
    if settings.exam is not None and settings.exam > today:
        days = _days_for_new(settings.exam, today)
        needed = max(0, math.ceil((len(unseen) + new_done) / days) - new_done)
        new_quota = max(new_quota, needed)
        forced = len(due) + needed
    limit = max(room, forced)
    chosen_due = due[:limit]
    chosen_new = unseen[: min(new_quota, limit - len(chosen_due))]
    left = len(due) - len(chosen_due)
    return Plan(tuple(chosen_due), tuple(chosen_new), done, left, forced > room)


def effective_due(review: Review, key: str, settings: Settings, today: date) -> datetime | None:
    """Return when an item is due, drawn before an exam's date if need be; None while it is new.

    Whatever FSRS would show only after the exam is pulled into the last week before it, unless it
    was seen there already; items spread over these days by their name.
    """
    card = review.card(key)
    if card is None:
        return None
    exam = settings.exam
    if exam is None or exam <= today or card.due.date() < exam:
        return card.due
    if card.last_review and card.last_review.date() >= exam - timedelta(days=FINAL_DAYS):
        return card.due
    final_day = exam - timedelta(days=1 + zlib.crc32(key.encode()) % FINAL_DAYS)
    return card.due.replace(year=final_day.year, month=final_day.month, day=final_day.day)


def _days_for_new(exam: date, today: date) -> int:
    """Return on how many days, today included, new items may still come."""
    left = (exam - today).days
    return max(1, left - min(FINAL_DAYS, left // 3))


def _is_due(review: Review, key: str, moment: datetime, now: datetime) -> bool:
    """Tell whether something is due: learning steps by the minute, anything else by the day."""
    if moment <= now:
        return True
    card = review.card(key)
    learning = card is not None and card.step is not None
    return not learning and moment.astimezone(now.tzinfo).date() <= now.date()


def _done_on(review: Review, day: date, now: datetime) -> tuple[int, int]:
    """Return how many scheduled grades a day has seen, and how many of them were of new items."""
    done = new = 0
    for grade in reversed(review.store.review.grades):
        if datetime.fromtimestamp(grade.at, now.tzinfo).date() != day:
            break
        if grade.rating != OUTSIDE:
            done += 1
            new += not grade.before
    return done, new


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 10_000 else default


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
