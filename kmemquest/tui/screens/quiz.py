"""A round of practice: one question per screen, explained at once."""

from __future__ import annotations

from collections.abc import Sequence

from kmemquest.i18n import N_, _
from kmemquest.quiz.grade import Grade
from kmemquest.quiz.question import Question
from kmemquest.quiz.review import note_outside
from kmemquest.store import QuizAnswer
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import bindings
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

SKIP = Operation(
    "quiz.skip",
    "n,f4",
    "skip",
    N_("skip"),
    N_("Leave this question and go on; it is not counted."),
    shown="n",
)
ANOTHER = Operation(
    "quiz.another",
    "m,f7",
    "another",
    N_("another one"),
    N_("A generated question again, with the next seed: other numbers, another key."),
    shown="m",
)


class QuizScreen(QuestionScreen):
    """A round of questions in practice mode."""

    NAME = "quiz"
    HELP = "quiz"
    OPERATIONS = (ANSWER, MARK, RUN, ANOTHER, SKIP, DRIVER, BACK)
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, items: Sequence[Question]) -> None:
        super().__init__()
        self._items = list(items)
        self._place = 0
        self.right = 0
        self.answered = 0

    async def on_mount(self) -> None:
        """The first question."""
        await self.ask(self._items[0])

    def show_head(self) -> None:
        """Place, difficulty, seed, score."""
        question = self.question
        assert question is not None
        number = _("question {number} of {count}").format(
            number=self._place + 1, count=len(self._items)
        )
        dots = self.glyphs.bullet * question.difficulty
        court = "  " + _("myth court") if question.is_court else ""
        name = "" if question.seed is None else f"{question.id} · "
        score = _("{right}/{answered} right").format(right=self.right, answered=self.answered)
        self.query_one("#head", Head).show(f"{number}  {dots}{court}", name + score)

    def keys_now(self) -> list[Operation]:
        """What can be done now."""
        generated = self.question is not None and self.question.seed is not None
        another = [ANOTHER] if generated else []
        if self.grade is not None:
            return [NEXT, *another, *[k for k in self.kind_keys() if k is DRIVER], BACK]
        return [ANSWER, *self.kind_keys(), *another, SKIP, BACK]

    def graded(self, result: Grade) -> list[Paragraph]:
        """Count and save."""
        question = result.question
        self.answered += 1
        self.right += result.passed
        store = self.game.services.store
        store.record_quiz(QuizAnswer(question.id, question.topic, result.given, result.passed))
        note_outside(store, result, now())
        self.game.tell_trouble()
        if question.seed is None:
            return []
        words = _("Seed {seed}: kmemquest quiz --question {id} asks this again; m asks another.")
        return [("quiet", words.format(seed=question.seed, id=question.id))]

    def action_skip(self) -> None:
        """On without an answer."""
        self.go_on()

    async def action_another(self) -> None:
        """The same question with other numbers, next in this round."""
        if self.question is None or self._busy:
            return
        more = self.game.services.trainer.another(self.question)
        if more is None:
            words = _("Only generated questions come in other numbers.")
            if self.grade is None:
                self.view.tell("quiet", words)
            else:
                self.notify(words, timeout=3)
            return
        if self.grade is None:
            self._items[self._place] = more
        else:
            self._place += 1
            self._items.insert(self._place, more)
        await self.ask(more)

    def go_on(self) -> None:
        """The next question, or the end of the round."""
        if self._place + 1 < len(self._items):
            self._place += 1
            self.call_next(self.ask, self._items[self._place])
            return
        score = _("{right} of {answered} right").format(right=self.right, answered=self.answered)
        self.app.pop_screen()
        self.game.notify(score, title=_("Round finished"), timeout=8)
