"""What every screen that asks questions shares: showing one, running it, grading the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from textual.app import ComposeResult
from textual.events import Key

from kmemquest.i18n import N_, _
from kmemquest.quiz.answer_key import NoKey, findings_of
from kmemquest.quiz.grade import Grade, MalformedAnswer, grade
from kmemquest.quiz.outcome_words import run_words
from kmemquest.quiz.question import Question
from kmemquest.tui.operations import BACK, GAME, Operation
from kmemquest.tui.screens.base import GameScreen
from kmemquest.tui.widgets.answer_field import AnswerField
from kmemquest.tui.widgets.caption import Head
from kmemquest.tui.widgets.key_line import KeyLine
from kmemquest.tui.widgets.prose import Paragraph
from kmemquest.tui.widgets.question_view import QuestionView

ANSWER = Operation(
    "quiz.answer",
    "enter,ctrl+r",
    "submit",
    N_("submit"),
    N_("Give the answer; afterwards go to the next question. In an editor: Ctrl+R."),
    shown="⏎",
)
NEXT = Operation(
    "quiz.next",
    "",
    "submit",
    N_("next question"),
    N_("On to the next question."),
    shown="⏎",
)
MARK = Operation(
    "quiz.mark",
    "space",
    "tick",
    N_("tick"),
    N_("Tick an option where several are right; pick a line up where an order is asked."),
    shown="␣",
)
RUN = Operation(
    "quiz.run",
    "r",
    "run",
    N_("run it"),
    N_("Carry out the experiment and read its log, where a claim is on trial."),
    shown="r",
)
DRIVER = Operation(
    "quiz.driver",
    "z,f6",
    "enlarge",
    N_("driver"),
    N_("Show the whole driver in the page, or a part of it again."),
    shown="z",
)
HELP = GAME[0]


def now() -> datetime:
    """The present moment with the player's time zone."""
    return datetime.now().astimezone()


class QuestionScreen(GameScreen):
    """A screen with a question on it. Subclasses say what is asked and what an answer leads to."""

    CSS_PATH = "quiz.tcss"
    EXAM = False

    def __init__(self) -> None:
        super().__init__()
        self.question: Question | None = None
        self.grade: Grade | None = None
        self._busy = False

    def body(self) -> ComposeResult:
        """Head and question."""
        yield Head(id="head")
        yield QuestionView(exam=self.EXAM, id="view")

    @property
    def view(self) -> QuestionView:
        """The question's widget."""
        return self.query_one("#view", QuestionView)

    # --- asking -------------------------------------------------------------------------------

    async def ask(self, question: Question, given: Sequence[str] = ()) -> None:
        """Show a question."""
        self.question = question
        self.grade = None
        await self.view.ask(question, given, self.glyphs)
        self.show_head()
        self.show_keys()

    def show_head(self) -> None:
        """Fill the first line."""

    def keys_now(self) -> list[Operation]:
        """The key line's entries, without help."""
        return [ANSWER, BACK]

    def show_keys(self) -> None:
        """Let the key line tell what can be done now."""
        keys = [*self.keys_now(), HELP]
        if self.grade is None and self.view.field is not None and self.view.field.takes_text:
            keys = [operation.while_typing for operation in keys]
        if self.grade is None and self.question is not None and self.question.several_lines:
            # Enter begins a new line there.
            keys = [replace(key, shown="^r") if key.id == ANSWER.id else key for key in keys]
        self.query_one("#keys", KeyLine).show(keys)

    def kind_keys(self) -> list[Operation]:
        """Keys that only some kinds of questions have."""
        question = self.question
        if question is None:
            return []
        found = []
        if question.kind == "multiple":
            found.append(MARK)
        if question.kind == "order":
            found.append(replace(MARK, label=N_("move")))
        if question.is_court and not self.EXAM:
            found.append(RUN)
        has_driver = question.experiment is not None and (
            self.grade is not None or not question.hides_driver
        )
        if has_driver and not self.view.has_class("-wide"):
            found.append(DRIVER)
        return found

    # --- keys ---------------------------------------------------------------------------------

    def on_key(self, event: Key) -> None:
        """A letter (or digit) goes to its option."""
        field = self.view.field
        if self.grade is not None or field is None or not event.character:
            return
        key = event.character
        if key in "12345678":
            key = "abcdefgh"[int(key) - 1]
        if field.press(key):
            event.stop()

    def action_tick(self) -> None:
        """Tick, or pick up."""
        if self.view.field is not None and self.grade is None:
            self.view.field.tick()

    def action_enlarge(self) -> None:
        """More of the driver."""
        self.view.enlarge()

    def on_answer_field_submitted(self, event: AnswerField.Submitted) -> None:
        """Enter or a click in the field."""
        event.stop()
        self.action_submit()

    # --- running and grading --------------------------------------------------------------------

    def action_run(self) -> None:
        """Run the experiment of a claim on trial."""
        question = self.question
        if question is None or not question.is_court or self.EXAM:
            return
        self.view.tell("quiet", _("The experiment runs…"))
        self.run_worker(self._run(question), group="run", exclusive=True)

    async def _run(self, question: Question) -> None:
        try:
            findings = await asyncio.to_thread(findings_of, question)
        except NoKey as error:
            self.view.tell("bad", str(error))
            return
        if question is not self.question or self.grade is not None:
            return
        self.view.show_findings(findings)
        self.view.tell("accent", run_words(findings))

    def action_submit(self) -> None:
        """Grade the answer; or go on when that is done."""
        if self._busy or self.question is None or self.view.field is None:
            return
        if self.grade is not None:
            self.go_on()
            return
        if self.question.is_court and not self.EXAM and self.view.findings is None:
            self.view.tell("warn", _("Hear the evidence first: r runs the experiment."))
            return
        text = self.view.field.text()
        if not text.strip():
            self.view.tell("warn", _("Give an answer first."))
            return
        question = self.question
        self.grade_in_background(lambda: grade(question, text), self._graded)

    def grade_in_background(
        self, work: Callable[[], Grade | None], done: Callable[[Grade | None], None]
    ) -> None:
        """Grade in a thread if a driver has to run for it; tell what cannot be read."""
        self._busy = True
        self.run_worker(self._grading(work, done), group="grade")

    async def _grading(
        self, work: Callable[[], Grade | None], done: Callable[[Grade | None], None]
    ) -> None:
        question = self.question
        assert question is not None
        try:
            if question.experiment is None:
                result = work()
            else:
                if not question.is_court:
                    self.view.tell("quiet", _("The driver runs…"))
                result = await asyncio.to_thread(work)
        except (MalformedAnswer, NoKey) as error:
            self.view.tell("warn", str(error))
            return
        finally:
            self._busy = False
        done(result)

    def _graded(self, result: Grade | None) -> None:
        assert result is not None
        self.grade = result
        self.question = result.question
        more = self.graded(result)
        belief = self.game.services.trainer.belief
        self.view.reveal(result, [words for b in result.beliefs if (words := belief(b))], more)
        self.show_head()
        self.show_keys()

    def graded(self, result: Grade) -> list[Paragraph]:
        """Save an answer; returns what to say below the explanation."""
        del result
        return []

    def go_on(self) -> None:
        """On to the next question."""
