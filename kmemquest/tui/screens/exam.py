"""A mock interview being sat: the clock, flags, going back and forth, handing in."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime

from kmemquest.i18n import N_, _
from kmemquest.quiz.exam import Sitting, TimeIsUp, report
from kmemquest.quiz.grade import Grade
from kmemquest.quiz.review import note_outside
from kmemquest.store.review_records import ExamResult
from kmemquest.tui.operations import Operation
from kmemquest.tui.screens.base import bindings
from kmemquest.tui.screens.quiz_question import (
    ANSWER,
    DRIVER,
    MARK,
    QuestionScreen,
    now,
)
from kmemquest.tui.widgets.caption import Head
from kmemquest.tui.widgets.choice_list import Choice

BEFORE = Operation("exam.before", "p,left,f3", "go(-1)", N_("before"),
                   N_("The question before; what was typed is kept."), shown="p")  # fmt: skip
AFTER = Operation("exam.after", "n,right,f4", "go(1)", N_("after"),
                  N_("The next question; what was typed is kept."), shown="n")  # fmt: skip
FLAG = Operation("exam.flag", "m,f2", "flag", N_("flag"),
                 N_("Flag this question to return to it, or take the flag away."),
                 shown="m")  # fmt: skip
OVERVIEW = Operation("exam.overview", "o,f5", "overview", N_("list"),
                     N_("All questions: answered, unanswered, flagged; go to any."),
                     shown="o")  # fmt: skip
CLEAR = Operation(
    "exam.clear", "x,f9", "clear", N_("clear"), N_("Take the answer back."), shown="x"
)
HAND_IN = Operation("exam.hand-in", "s,f10", "hand_in", N_("hand in"),
                    N_("End the interview and read the report."), shown="s")  # fmt: skip
LEAVE = Operation("exam.leave", "q,escape", "leave_exam", N_("leave"),
                  N_("Leave: hand in, or throw the interview away."), shown="q")  # fmt: skip
_TYPED = {"p": "F3", "n": "F4", "m": "F2", "o": "F5", "x": "F9", "s": "F10", "q": "esc"}


class ExamScreen(QuestionScreen):
    """One question of the paper at a time; no feedback before the report."""

    NAME = "exam"
    HELP = "exam"
    EXAM = True
    OPERATIONS = (ANSWER, MARK, BEFORE, AFTER, FLAG, OVERVIEW, CLEAR, HAND_IN, DRIVER, LEAVE)
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, sitting: Sitting) -> None:
        super().__init__()
        self.sitting = sitting
        self.place = 0
        self._began = now()
        self._over = False

    async def on_mount(self) -> None:
        """The first question; the clock ticks in the first line."""
        self.set_interval(1.0, self._tick)
        await self._show_question(0)

    async def _show_question(self, place: int) -> None:
        self.place = place
        self._began = now()
        given = self.sitting.grades.get(place)
        question = await asyncio.to_thread(self.sitting.question, place)
        await self.ask(question, given.given if given is not None else ())

    # --- the clock ----------------------------------------------------------------------------

    def _tick(self) -> None:
        if not self._over and self.sitting.seconds_left(now()) == 0:
            self.notify(_("Time is up."), timeout=6)
            self._finish()
        elif not self._over and self.question is not None:
            self.show_head()

    def show_head(self) -> None:
        """Place, answered or not, flag, points; the clock."""
        slot = self.sitting.paper.slots[self.place]
        number = f"{self.place + 1}/{len(self.sitting.paper.slots)}"
        done = _("answered") if self.place in self.sitting.grades else _("unanswered")
        flag = f"  {self.glyphs.flag} " + _("flagged") if self._flagged else ""
        points = _("points: {points}").format(points=slot.points)
        left = self.sitting.seconds_left(now())
        clock = _("{clock} left").format(clock=f"{left // 60}:{left % 60:02}")
        self.query_one("#head", Head).show(f"{number}  {done}{flag}", f"{points} · {clock}")

    @property
    def _flagged(self) -> bool:
        return self.place in self.sitting.flagged

    def keys_now(self) -> list[Operation]:
        """While letters are text the function keys are shown."""
        field = self.view.field
        keys = [ANSWER, BEFORE, AFTER, FLAG, OVERVIEW, HAND_IN, LEAVE]
        marks = [key for key in self.kind_keys() if key.id == MARK.id]
        if marks:
            keys[1:1] = marks
        if marks or self.place in self.sitting.grades:
            # There is no room for all; handing in asks whether to leave, too.
            keys.remove(LEAVE)
        if self.place in self.sitting.grades:
            keys.insert(keys.index(HAND_IN), CLEAR)
        if field is not None and field.takes_text:
            keys = [key for key in keys if key is not LEAVE]
            return [replace(key, shown=_TYPED.get(key.shown, key.shown)) for key in keys]
        return keys

    # --- answering ----------------------------------------------------------------------------

    def action_submit(self) -> None:
        """Take the answer and go on."""
        self._take(self.place + 1)

    def _take(self, then: int) -> None:
        """Take what stands in the field, and go to another question."""
        field = self.view.field
        if self._busy or self._over or field is None:
            return
        text = field.text()
        if not text.strip():
            self.view.tell("warn", _("Give an answer first."))
            return
        place, seconds = self.place, (now() - self._began).total_seconds()

        def work() -> Grade | None:
            try:
                self.sitting.answer(place, text, now(), seconds)
            except TimeIsUp:
                return None
            return self.sitting.grades[place]

        def done(result: Grade | None) -> None:
            if result is None:
                self._finish()
            elif then >= len(self.sitting.paper.slots):
                self.show_head()
                self.show_keys()
                self.view.tell("accent", _("That was the last question. o shows what is open."))
            else:
                self.call_next(self._show_question, then)

        self.grade_in_background(work, done)

    def _unsaved(self) -> bool:
        field = self.view.field
        if field is None or self.question is None:
            return False
        text = field.text()
        return field.touched and bool(text.strip())

    def action_go(self, by: int) -> None:
        """Another question; a typed answer is taken along."""
        target = self.place + by
        if 0 <= target < len(self.sitting.paper.slots):
            self._go_to(target)

    def _go_to(self, target: int) -> None:
        if self._busy or self._over:
            return
        if self._unsaved():
            self._take(target)
        else:
            self.call_next(self._show_question, target)

    def action_flag(self) -> None:
        """Flag, or not."""
        self.sitting.flag(self.place)
        self.show_head()

    async def action_clear(self) -> None:
        """Take the answer back."""
        if not self._busy:
            self.sitting.clear(self.place)
            await self._show_question(self.place)

    def action_overview(self) -> None:
        """All questions in a list."""
        from kmemquest.tui.screens.lab_sheets import ChooseScreen

        rows = []
        for place, slot in enumerate(self.sitting.paper.slots):
            answered = place in self.sitting.grades
            mark = self.glyphs.bullet if answered else self.glyphs.open_goal
            flag = f"{self.glyphs.flag} " if place in self.sitting.flagged else ""
            label = flag + self.game.services.trainer.title(slot.topic)
            tail = _("answered") if answered else _("unanswered")
            rows.append(Choice(str(place), label, f"{place + 1:>2}", tail=tail, mark=mark))
        words = _("{open} of {count} are open or flagged.").format(
            open=len(self.sitting.open_questions), count=len(rows)
        )
        self.app.push_screen(ChooseScreen(_("overview"), words, rows), self._overviewed)

    def _overviewed(self, name: str | None) -> None:
        if name is not None:
            self._go_to(int(name))

    # --- the end ------------------------------------------------------------------------------

    def action_hand_in(self) -> None:
        """Ask once, then the report."""
        self._ask_end()

    def action_leave_exam(self) -> None:
        """Nobody loses an interview by a slip of the finger."""
        self._ask_end()

    def _ask_end(self) -> None:
        from kmemquest.tui.screens.lab_sheets import ChooseScreen

        missing = len(self.sitting.paper.slots) - len(self.sitting.grades)
        words = _("Unanswered: {missing}. Flagged: {flagged}.").format(
            missing=missing, flagged=len(self.sitting.flagged)
        )
        answers = [
            Choice("stay", _("Go on with the interview")),
            Choice("hand-in", _("Hand in and read the report")),
            Choice("drop", _("Throw it away: nothing is saved")),
        ]
        self.app.push_screen(ChooseScreen(_("hand in?"), words, answers), self._ended)

    def _ended(self, answer: str | None) -> None:
        if answer == "hand-in":
            self._finish()
        elif answer == "drop":
            self._over = True
            self.app.pop_screen()

    def _finish(self) -> None:
        if self._over:
            return
        self._over = True
        self.run_worker(self._report(now()), exclusive=True, group="report")

    async def _report(self, moment: datetime) -> None:
        result = await asyncio.to_thread(report, self.sitting, moment)
        store = self.game.services.store
        for given in self.sitting.grades.values():
            note_outside(store, given, moment)
        store.review.record_exam(
            ExamResult(
                moment.timestamp(),
                result.blueprint,
                result.seed,
                result.total.share,
                json.dumps(result.as_json(), ensure_ascii=False),
            )
        )
        self.game.tell_trouble()
        from kmemquest.tui.screens.exam_report import ExamReportScreen

        self.game.back_to(self.NAME)
        self.app.switch_screen(ExamReportScreen(self.sitting, result))
