"""A question on the screen: prompt, driver, answer, and after that what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.geometry import Region

from kmemquest.i18n import _
from kmemquest.quiz.experiment import Findings
from kmemquest.quiz.given import given_line, setting_line
from kmemquest.quiz.grade import Grade, answer_hint
from kmemquest.quiz.presentation import key_text, option_text
from kmemquest.quiz.question import Option, Question
from kmemquest.tui.glyphs import Glyphs
from kmemquest.tui.operations import plain_keys
from kmemquest.tui.quiz_source import hole_line, log_rows, source_of
from kmemquest.tui.widgets.answer_field import AnswerField, LineField, field_for
from kmemquest.tui.widgets.caption import Rule
from kmemquest.tui.widgets.choice_list import ChoiceList
from kmemquest.tui.widgets.line_picker import LinePicker
from kmemquest.tui.widgets.log_view import LogView
from kmemquest.tui.widgets.prose import Paragraph, Prose

WIDE = 120
SHORT = 9
"""Rows of a driver that is not the answer, in a narrow terminal."""
LOG_ROWS = 12
_PLAIN = str.maketrans(
    {"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "→": ">", "≥": ">", "≤": "<"}
)


class QuestionView(Horizontal):
    """One question. In a narrow terminal everything stands in one page; in a wide one driver and
    log stand beside it.
    """

    DEFAULT_CSS = """
    QuestionView {
        height: 1fr;
        #page { height: 1fr; width: 1fr; scrollbar-size-vertical: 1; }
        #page > Prose, #answer { max-width: 104; }
        #answer { height: auto; }
        #side { display: none; width: 1fr; height: 1fr; border-left: solid $line; }
        #side LinePicker { height: 2fr; }
        #side LogView { height: 1fr; }
        &.-wide.-beside #side { display: block; }
        &.-wide .narrow, .-absent { display: none; }
    }
    """

    def __init__(self, *, exam: bool = False, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.exam = exam
        self.question: Question | None = None
        self.field: AnswerField | None = None
        self.grade: Grade | None = None
        self.findings: Findings | None = None
        self._large = False

    def compose(self) -> ComposeResult:
        """The page, and what stands beside it."""
        with VerticalScroll(id="page"):
            yield Prose((), id="prompt")
            yield Rule("driver.c", id="driver-rule", classes="narrow")
            yield LinePicker(id="driver", classes="narrow")
            yield Rule(_("the kernel log"), id="log-rule", classes="narrow")
            yield LogView(id="log", classes="narrow")
            yield Rule(_("your answer"), id="answer-rule")
            yield Prose((), id="verdict")
            yield Vertical(id="answer")
            yield Prose((), id="why")
        with Vertical(id="side"):
            yield Rule("driver.c")
            yield LinePicker(id="side-driver")
            yield Rule(_("the kernel log"), id="side-log-rule")
            yield LogView(id="side-log")

    # --- asking -------------------------------------------------------------------------------

    async def ask(self, question: Question, given: Sequence[str], glyphs: Glyphs) -> None:
        """Show a question; `given` is an answer to go on from."""
        self.question = question
        self.grade = self.findings = None
        self._large = False
        self._say("#prompt", self._prompt(question))
        self._say("#verdict", [])
        self._say("#why", [])
        self._show_driver(shown=not question.hides_driver)
        self._show_log()
        holder = self.query_one("#answer", Vertical)
        await holder.remove_children()
        self.field = field_for(question, glyphs, self)
        await holder.mount(self.field)
        if given:
            self.field.put(given)
        self.field.take_focus()
        page = self.query_one("#page", VerticalScroll)
        page.scroll_home(animate=False)
        self.call_after_refresh(page.scroll_home, animate=False)

    def _say(self, place: str, paragraphs: Sequence[Paragraph]) -> None:
        prose = self.query_one(place, Prose)
        if prose.glyphs.name == "ascii":
            paragraphs = [(tone, plain_keys(text).translate(_PLAIN)) for tone, text in paragraphs]
        prose.display = bool(paragraphs)
        prose.show(*paragraphs)

    def _prompt(self, question: Question) -> list[Paragraph]:
        words: list[Paragraph] = [("plain", "")]
        if question.claim:
            words += [("accent", _("On trial: “{claim}”").format(claim=question.claim))]
        words += [("strong", line.expandtabs(4)) for line in question.prompt.rstrip().split("\n")]
        if conditions := given_line(question.given):
            words.append(("quiet", conditions))
        if question.experiment is not None and not question.hides_driver:
            words.append(("quiet", setting_line(question)))
        hint = answer_hint(question)
        if question.is_court and not self.exam:
            hint = _("Press r: the experiment runs and its log appears. Then give your verdict.")
        elif question.kind == "order":
            hint = _("␣ picks a line up, ↑ ↓ move it, ␣ puts it down, ⏎ answers.")
        elif question.kind == "match":
            hint = _("Press a partner's letter for each item, then ⏎.")
        elif question.kind in ("bug", "numeric"):
            hint = ""
        if hint:
            words += [("plain", ""), ("quiet", hint)]
        return [*words, ("plain", "")]

    # --- driver and log -----------------------------------------------------------------------

    @property
    def _drivers(self) -> tuple[LinePicker, LinePicker]:
        return self.query_one("#driver", LinePicker), self.query_one("#side-driver", LinePicker)

    def _show_driver(self, *, shown: bool) -> None:
        question = self.question
        assert question is not None
        has = shown and question.experiment is not None
        self.set_class(has, "-beside")
        self.query_one("#driver-rule").set_class(not has, "-absent")
        for driver in self._drivers:
            driver.set_class(not has, "-absent")
            if has:
                driver.show(source_of(question), "answer")
                picking = question.kind == "bug" and self.grade is None
                hole = hole_line(question) + 1
                driver.start(picking=picking, line=1 if picking else hole)
        if has:
            self._size_driver()
            self.call_after_refresh(self._show_hole)

    def _show_hole(self) -> None:
        """The hole is what the question is about."""
        hole = hole_line(self.question) if self.question is not None else -1
        for driver in self._drivers:
            if hole >= 0:
                driver.show_line(hole, context=min(3, max(0, (driver.size.height - 1) // 2)))

    def _size_driver(self) -> None:
        question = self.question
        driver = self.query_one("#driver", LinePicker)
        rows = driver.row_count()
        most = SHORT + 4 if question is not None and question.kind == "bug" else SHORT
        driver.styles.height = rows if self._large else min(rows, most)

    def enlarge(self) -> None:
        """Show the whole driver in the page, or a part of it again."""
        self._large = not self._large
        self._size_driver()

    def show_code(self, code: str) -> None:
        """Write the player's code into the hole."""
        if self.question is not None and self.question.experiment is not None:
            for driver in self._drivers:
                driver.show(source_of(self.question, code), "answer")

    def focus_driver(self) -> None:
        """Give the visible driver the keyboard."""
        self._drivers[self.has_class("-wide")].focus(scroll_visible=False)

    @property
    def picked_line(self) -> int:
        """The line under the cursor, counted from 1; 0 without one."""
        return self._drivers[0].line

    def pick_line(self, line: int) -> None:
        """Move the cursor of the driver."""
        for driver in self._drivers:
            driver.go(line)

    @on(LinePicker.Moved)
    def _line_moved(self, event: LinePicker.Moved) -> None:
        event.stop()
        for driver in self._drivers:
            if driver is not event.widget and driver.line != event.line:
                driver.go(event.line)
        if isinstance(self.field, LineField) and self.question and self.question.experiment:
            self.field.touched = True
            text = self.question.experiment.driver.split("\n")[event.line - 1].strip()
            self.field.show(event.line, text)

    def show_findings(self, findings: Findings) -> None:
        """Show the log of a run."""
        self.findings = findings
        self._show_log()
        if self.grade is None:
            # The evidence, and what to answer below it, are read together.
            page = self.query_one("#page", VerticalScroll)
            self.call_after_refresh(page.scroll_end, animate=False)

    def _show_log(self) -> None:
        rows = log_rows(self.findings) if self.findings is not None else []
        for name in ("#log-rule", "#log", "#side-log-rule", "#side-log"):
            self.query_one(name).set_class(self.findings is None, "-absent")
        log_title = _("the kernel log")
        if self.findings is not None and not self.findings.compiled:
            log_title = _("the compiler")
        for name in ("#log-rule", "#side-log-rule"):
            self.query_one(name, Rule).show(log_title)
        for log in (self.query_one("#log", LogView), self.query_one("#side-log", LogView)):
            log.load(rows)
            log.show_until(len(rows))
            grave = next((n for n, row in enumerate(rows) if row.grave), 0)
            self.call_after_refresh(log.show_line, grave)
        shown = self.query_one("#log", LogView)
        shown.styles.height = max(1, min(shown.row_count(), LOG_ROWS))

    # --- what came of it ----------------------------------------------------------------------

    def reveal(self, grade: Grade, beliefs: Sequence[str], more: Sequence[Paragraph]) -> None:
        """Show verdict, key, reasons, sources, and the log of the run behind the key."""
        self.grade = grade
        question = self.question = grade.question
        if question.hides_driver:
            self._show_driver(shown=True)
        if grade.findings is not None:
            self.show_findings(grade.findings)
        if question.kind == "bug":
            for driver in self._drivers:
                driver.picking = False
                driver.reveal(question.bug_line)
        assert self.field is not None
        self.field.reveal(grade)
        self._say("#verdict", self._verdict(grade))
        self._say("#why", [*self._why(grade, beliefs), *more])
        page = self.query_one("#page", VerticalScroll)
        page.focus()
        self.call_after_refresh(self._to_verdict)

    def _to_verdict(self) -> None:
        """What was said is read from the verdict on."""
        page = self.query_one("#page", VerticalScroll)
        rule = self.query_one("#answer-rule")
        if page.max_scroll_y:
            page.scroll_to(y=rule.virtual_region.y, animate=False)

    def _verdict(self, grade: Grade) -> list[Paragraph]:
        glyphs = self.query_one("#verdict", Prose).glyphs
        if grade.passed:
            words: list[Paragraph] = [("good", f"{glyphs.met} " + _("Right."))]
        elif grade.score > 0:
            share = f"{100 * grade.score:.0f} %"
            words = [("warn", f"{glyphs.unmet} " + _("Partly right: {share}.").format(share=share))]
        else:
            words = [("bad", f"{glyphs.unmet} " + _("Not so."))]
        question = grade.question
        if question.kind in ("numeric", "bug", "code"):
            words.append(("strong", _("Key: {key}").format(key=key_text(question))))
        if grade.remark:
            words.append(("plain", grade.remark))
        return words

    def _why(self, grade: Grade, beliefs: Sequence[str]) -> list[Paragraph]:
        question = grade.question
        glyphs = self.query_one("#why", Prose).glyphs
        words: list[Paragraph] = [("plain", "")]
        words += [
            ("warn", _("The belief behind it: {belief}").format(belief=each)) for each in beliefs
        ]
        if question.kind == "order":
            words.append(("accent", _("The right order:")))
        if question.kind not in ("single", "multiple", "log"):
            for place, (option, chosen) in enumerate(_in_key_order(grade), 1):
                if option.feedback == grade.remark:
                    continue
                mark = glyphs.pointer if chosen else glyphs.bullet
                if question.kind == "order":
                    mark, chosen = f"{place}.", False
                text = f"{mark} {option_text(question, option)}"
                words.append(("strong" if chosen else "plain", text))
                words.append(("quiet", f"  {option.feedback}"))
        if question.folk:
            words.append(("quiet", _("What circulates: {folk}").format(folk=question.folk)))
        words += [("plain", text) for text in question.explanation.strip().split("\n")]
        sources = " · ".join(question.sources)
        words.append(("quiet", _("Source: {sources}").format(sources=sources)))
        return words

    def tell(self, tone: str, text: str) -> None:
        """Say something in the place of the verdict, such as that a run is on its way."""
        self._say("#verdict", [(tone, text)] if text else [])

    # --- the page -----------------------------------------------------------------------------

    def on_resize(self, event: Resize) -> None:
        """Driver and log beside the page where there is room."""
        wide = event.size.width >= WIDE
        if wide != self.has_class("-wide"):
            self.set_class(wide, "-wide")
            if isinstance(self.field, LineField) and self.grade is None:
                self.call_after_refresh(self.focus_driver)

    @on(ChoiceList.Moved)
    def _option_moved(self, event: ChoiceList.Moved) -> None:
        """The option under the cursor stays visible."""
        page = self.query_one("#page", VerticalScroll)
        choices = event.widget
        rows = choices._rows_of(choices.index)
        if not rows or page not in choices.ancestors:
            return
        if choices.index == 0:
            top = self.query_one("#answer-rule").virtual_region.y
            if top < page.size.height // 2:
                page.scroll_home(animate=False)
        origin = page.scroll_offset.y + choices.region.y - page.region.y
        page.scroll_to_region(
            Region(0, origin + rows[0], 1, len(rows)), animate=False, force=True, x_axis=False
        )


def _in_key_order(grade: Grade) -> list[tuple[Option, bool]]:
    """What is said of the options; where an order was asked, in the right one."""
    question = grade.question
    found = list(grade.feedback)
    if question.kind == "order":
        found.sort(key=lambda item: question.order.index(item[0].id))
    return found
