"""A round of review: what is due, one after the other, each answer saved at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from kmemquest.i18n import N_, _
from kmemquest.quiz.grade import Grade
from kmemquest.quiz.review import AGAIN, EASY, GOOD, HARD
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.review_source import ReviewDesk
from kmemquest.tui.screens.base import bindings
from kmemquest.tui.screens.quiz import SKIP
from kmemquest.tui.screens.quiz_question import (
    ANSWER,
    DRIVER,
    MARK,
    NEXT,
    RUN,
    QuestionScreen,
    now,
)
from kmemquest.tui.widgets.caption import Head
from kmemquest.tui.widgets.prose import Paragraph

UNDO = Operation(
    "review.undo",
    "u,f8",
    "undo",
    N_("undo"),
    N_("Take the last grade back and ask that question again."),
    shown="u",
)
SUSPEND = Operation(
    "review.suspend",
    "s,f9",
    "suspend",
    N_("suspend"),
    N_("Take this question out of review; the list of suspended ones brings it back."),
    shown="s",
)
RATE = Operation(
    "review.rate",
    "",
    "nothing",
    N_("rate"),
    N_("After a right answer: 1 again, 2 hard, 3 good, 4 easy. Enter keeps “good”."),
    shown="1-4",
    palette=False,
)
_RATINGS = (
    Operation("review.again", "1", "rate(1)", N_("again"), N_("Rate: again, in a minute.")),
    Operation("review.hard", "2", "rate(2)", N_("hard"), N_("Rate: hard.")),
    Operation("review.good", "3", "rate(3)", N_("good"), N_("Rate: good.")),
    Operation("review.easy", "4", "rate(4)", N_("easy"), N_("Rate: easy, much later.")),
)
MOST = 500
"""Answers in one round, repeated ones included."""


class ReviewRoundScreen(QuestionScreen):
    """Asks a queue of items; what was wrong comes again at the end."""

    NAME = "review-round"
    HELP = "review-round"
    OPERATIONS = (ANSWER, MARK, RUN, RATE, *_RATINGS, UNDO, SUSPEND, SKIP, DRIVER, BACK)
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, desk: ReviewDesk, queue: Sequence[str], *, cram: bool = False) -> None:
        super().__init__()
        self._desk = desk
        self._queue = list(queue)
        self._cram = cram
        self._key = ""
        self._rating = 0
        self._previews: dict[int, datetime] = {}
        self._news = ""
        """What to say on the next question: a toast would lie on its answers."""
        self.right = 0
        self.answered = 0

    async def on_mount(self) -> None:
        """The first item."""
        self._next()

    # --- asking -------------------------------------------------------------------------------

    def _next(self) -> None:
        if not self._queue:
            self._finish()
            return
        self._fetch(self._queue.pop(0))

    def _fetch(self, key: str) -> None:
        self._key = key
        self._busy = True
        self.run_worker(self._ask_item(key), group="fetch", exclusive=True)

    async def _ask_item(self, key: str) -> None:
        seed = self._desk.review.seed_of(key)
        try:
            question = await asyncio.to_thread(self._desk.question, key, seed)
        finally:
            self._busy = False
        if question is None:
            self._next()
        else:
            await self.ask(question)
            self.view.tell("quiet", self._news)
            self._news = ""

    def show_head(self) -> None:
        """How many are left, the topic, the score."""
        question = self.question
        assert question is not None
        mode = _("cram") if self._cram else _("review")
        left = _("{mode} · {left} more").format(mode=mode, left=len(self._queue))
        topic = self.game.services.trainer.title(question.topic)
        score = _("{right}/{answered} right").format(right=self.right, answered=self.answered)
        dots = self.glyphs.bullet * question.difficulty
        self.query_one("#head", Head).show(f"{left}  {dots}", f"{topic} · {score}")

    def keys_now(self) -> list[Operation]:
        """What can be done now."""
        if self.grade is not None:
            rate = [RATE] if self._previews else []
            driver = [key for key in self.kind_keys() if key is DRIVER]
            return [NEXT, *rate, UNDO, SUSPEND, *driver, BACK]
        undo = [UNDO] if self.answered else []
        return [ANSWER, *self.kind_keys(), *undo, SUSPEND, SKIP, BACK]

    # --- grading ------------------------------------------------------------------------------

    def graded(self, result: Grade) -> list[Paragraph]:
        """Save at once; offer to rate a right answer otherwise."""
        review = self._desk.review
        moment = now()
        rates = result.passed and not self._cram
        self._previews = review.previews(self._key, moment) if rates else {}
        review.answered(self._key, result, moment, cram=self._cram)
        self.answered += 1
        self.right += result.passed
        if not result.passed and not self._cram and self.answered < MOST:
            self._queue.append(self._key)
        self.game.tell_trouble()
        if not rates:
            return []
        self._rating = GOOD
        return [("plain", ""), ("accent", self._ratings_line(moment))]

    def _ratings_line(self, moment: datetime) -> str:
        words = {AGAIN: _("again"), HARD: _("hard"), GOOD: _("good"), EASY: _("easy")}
        parts = [
            f"{rating} {words[rating]} ({_span((due - moment).total_seconds())})"
            for rating, due in self._previews.items()
        ]
        return _("How was it? {ratings}. ⏎ keeps “good”.").format(ratings=" · ".join(parts))

    def action_rate(self, rating: int) -> None:
        """Rate a right answer other than good."""
        if self.grade is None or not self._previews:
            return
        review = self._desk.review
        review.undo()
        review.answered(self._key, self.grade, now(), rating=rating)
        self._rating = rating
        if rating == AGAIN:
            self._queue.append(self._key)
        self.go_on()

    def action_undo(self) -> None:
        """Take the last grade back and ask it again."""
        if self._busy:
            return
        key = self._desk.review.undo()
        if key is None:
            if self.grade is None:
                self.view.tell("quiet", _("There is no grade."))
            return
        if self.grade is None and self._key:
            self._queue.insert(0, self._key)
        while key in self._queue[1:] and self._queue[-1] == key:
            self._queue.pop()
        self.answered = max(0, self.answered - 1)
        if self.grade is not None and self.grade.passed:
            self.right = max(0, self.right - 1)
        self.grade = None
        self._news = _("Taken back: {item}").format(item=self._desk.words(key))
        if key in self._desk.review.items:
            self._fetch(key)

    def action_suspend(self) -> None:
        """Out of review, and on."""
        if not self._key or self._busy:
            return
        self._desk.review.suspend(self._key)
        self._queue = [key for key in self._queue if key != self._key]
        self._news = _("Suspended: {item}").format(item=self._desk.words(self._key))
        self.go_on()

    def action_skip(self) -> None:
        """On without an answer."""
        if not self._busy:
            self.go_on()

    def go_on(self) -> None:
        """The next item."""
        self._previews = {}
        self._next()

    def _finish(self) -> None:
        score = _("{right} of {answered} right").format(right=self.right, answered=self.answered)
        self.app.pop_screen()
        if self._news:
            self.game.notify(self._news, timeout=4)
        self.game.notify(score, title=_("Round finished"), timeout=8)


def _span(seconds: float) -> str:
    """A waiting time in a word: minutes, hours or days."""
    if seconds < 3600:
        return _("{n} min").format(n=max(1, round(seconds / 60)))
    if seconds < 86_400:
        return _("{n} h").format(n=round(seconds / 3600))
    return _("{n} d").format(n=round(seconds / 86_400))
