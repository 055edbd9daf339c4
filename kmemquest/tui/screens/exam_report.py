"""How an interview went: score by topic, what to study, the level to play for each gap."""

from __future__ import annotations

import asyncio

from textual import on
from textual.app import ComposeResult

from kmemquest.i18n import N_, _, ngettext
from kmemquest.quiz.answer_key import settled
from kmemquest.quiz.exam import ExamReport, Sitting
from kmemquest.quiz.grade import Grade
from kmemquest.quiz.question import Question
from kmemquest.quiz.study import study_map
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.screens.quiz_question import DRIVER, QuestionScreen
from kmemquest.tui.widgets.caption import Head
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.prose import Prose

BAR = 16
"""Cells of a score's bar."""


class ExamReportScreen(GameScreen):
    """Total and topics above; gaps and answers to open below."""

    NAME = "exam-report"
    CSS_PATH = "quiz.tcss"
    HELP = "exam-report"
    OPERATIONS = (
        Operation("exam-report.open", "enter", "choose", N_("open"),
                  N_("Play the level, or read the question, under the cursor."), shown="⏎"),
        BACK,
    )  # fmt: skip
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, sitting: Sitting, result: ExamReport) -> None:
        super().__init__()
        self._sitting = sitting
        self.result = result

    def body(self) -> ComposeResult:
        """Verdict, then one list."""
        seed = _("paper {seed}").format(seed=self.result.seed)
        yield Head(_("interview report"), seed)
        yield Prose(self._verdict(), id="verdict")
        yield ChoiceList(self._choices(), id="list", click_chooses=False)

    def on_mount(self) -> None:
        """The list has the keyboard."""
        self.query_one("#list", ChoiceList).focus()

    def _bar(self, share: float) -> str:
        filled = round(BAR * share)
        return self.glyphs.fill * filled + self.glyphs.empty * (BAR - filled)

    def _verdict(self) -> list[tuple[str, str]]:
        total = self.result.total
        minutes = max(round(self.result.minutes), 1)
        words = ngettext(
            "{reached} of {possible} points ({share} %), {minutes} minute.",
            "{reached} of {possible} points ({share} %), {minutes} minutes.",
            minutes,
        ).format(
            reached=f"{total.reached:g}",
            possible=total.possible,
            share=round(100 * total.share),
            minutes=minutes,
        )
        if self.result.passed:
            verdict = ("good", f"{self.glyphs.met} " + _("Passed."))
        else:
            mark = round(100 * self._sitting.paper.blueprint.pass_at)
            text = _("Not passed: {mark} % are needed.").format(mark=mark)
            verdict = ("bad", f"{self.glyphs.unmet} {text}")
        reached = f"{self._bar(total.share)} {words}"
        return [("plain", ""), verdict, ("strong", reached), ("plain", "")]

    def _choices(self) -> list[Choice]:
        title = self.game.services.trainer.title
        rows = [Choice("", _("By topic"))]
        for topic, tally in self.result.by_topic.items():
            points = f"{self._bar(tally.share)} {tally.reached:>4g}/{tally.possible}"
            mark = self.glyphs.unmet if topic in self.result.gaps else self.glyphs.met
            tone = "bad" if topic in self.result.gaps else "good"
            rows.append(
                Choice("topic " + topic, title(topic), tail=points, mark=mark, mark_tone=tone)
            )
        rows += self._study()
        if self.result.beliefs:
            rows += [Choice("", ""), Choice("", _("Misconceptions that showed"))]
            belief = self.game.services.trainer.belief
            rows += [
                Choice(f"belief {name}", words, mark=self.glyphs.flag, mark_tone="warn")
                for name in self.result.beliefs
                if (words := belief(name))
            ]
        return [*rows, *self._answers()]

    def _study(self) -> list[Choice]:
        names = {entry.id: entry for entry in self.game.services.library.entries()}
        rows: list[Choice] = []
        for topic in self.result.gaps:
            advice = study_map().advise(topic, self.result.gap_tags.get(topic, ()))
            title = self.game.services.trainer.title(topic)
            rows += [Choice("", ""), Choice("", _("To study: {topic}").format(topic=title))]
            for level in advice.levels:
                entry = names.get(level)
                if entry is not None:
                    label = _("Play {number} {title}").format(
                        number=entry.number, title=entry.title
                    )
                    rows.append(
                        Choice("level " + level, label, mark=self.glyphs.arrow,
                               mark_tone="accent")
                    )  # fmt: skip
            rows += [
                Choice("", "    " + _("Read {document}").format(document=document), tone="quiet")
                for document in advice.read
            ]
        return rows

    def _answers(self) -> list[Choice]:
        rows = [Choice("", ""), Choice("", _("Your answers"))]
        for place, slot in enumerate(self._sitting.paper.slots):
            grade = self._sitting.grades.get(place)
            if grade is None:
                mark, tone, tail = self.glyphs.open_goal, "quiet", _("not answered")
            else:
                mark = self.glyphs.met if grade.passed else self.glyphs.unmet
                tone = "good" if grade.passed else "bad"
                tail = f"{grade.score * slot.points:g}/{slot.points}"
            first = self._sitting.question(place).prompt.strip().split("\n")[0]
            label = f"{place + 1:>2}  {first}"
            rows.append(Choice(f"answer {place}", label, tail=tail, mark=mark, mark_tone=tone))
        return rows

    # --- opening ------------------------------------------------------------------------------

    def action_choose(self) -> None:
        """Open what is under the cursor."""
        current = self.query_one("#list", ChoiceList).current
        if current is not None:
            self._open(current.id)

    @on(ChoiceList.Chosen)
    def _chosen(self, event: ChoiceList.Chosen) -> None:
        self._open(event.choice.id)

    def _open(self, entry: str) -> None:
        word, _space, name = entry.partition(" ")
        if word == "level":
            self.game.open_level(name)
        elif word == "answer":
            self.app.push_screen(ExamAnswerScreen(self._sitting, int(name)))
        elif word == "topic":
            missed = [
                place
                for place, slot in enumerate(self._sitting.paper.slots)
                if slot.topic == name
                and ((grade := self._sitting.grades.get(place)) is None or not grade.passed)
            ]
            if missed:
                self.app.push_screen(ExamAnswerScreen(self._sitting, missed[0]))


class ExamAnswerScreen(QuestionScreen):
    """A question of a finished interview with its key and the answer that was given."""

    NAME = "exam-answer"
    HELP = "exam-answer"
    OPERATIONS = (
        Operation("exam-answer.back", "enter", "submit", N_("back"), N_("Back to the report.")),
        DRIVER,
        BACK,
    )
    BINDINGS = bindings(OPERATIONS)
    EXAM = True

    def __init__(self, sitting: Sitting, place: int) -> None:
        super().__init__()
        self._sitting = sitting
        self._place = place

    async def on_mount(self) -> None:
        """The question, revealed."""
        given = self._sitting.grades.get(self._place)
        question = await asyncio.to_thread(self._settled)
        await self.ask(question, given.given if given is not None else ())
        if given is None:
            pairs = tuple((option, False) for option in question.options)
            given = Grade(question, frozenset(), None, 0.0, pairs, _("It was not answered."))
        self._graded(given)

    def _settled(self) -> Question:
        return settled(self._sitting.question(self._place))

    def show_head(self) -> None:
        """Which question."""
        topic = self._sitting.paper.slots[self._place].topic
        title = self.game.services.trainer.title(topic)
        number = f"{self._place + 1}/{len(self._sitting.paper.slots)}"
        self.query_one("#head", Head).show(_("your answer") + f" {number}", title)

    def keys_now(self) -> list[Operation]:
        """Reading only."""
        return [*[key for key in self.kind_keys() if key is DRIVER], BACK]

    def go_on(self) -> None:
        """Back to the report."""
        self.app.pop_screen()
