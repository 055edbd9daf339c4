"""Progress of the interview trainer, plotted: answers, retention, what is coming, interviews."""

from __future__ import annotations

from datetime import date, timedelta

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from kmemquest.i18n import _, ngettext
from kmemquest.quiz.review_plan import Settings
from kmemquest.quiz.review_state import DayState, forecast, retention
from kmemquest.tui.operations import BACK
from kmemquest.tui.review_source import ReviewDesk
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.screens.paper import SCROLL
from kmemquest.tui.screens.quiz_question import now
from kmemquest.tui.widgets.bar_chart import BarChart, Column
from kmemquest.tui.widgets.caption import Head, Rule
from kmemquest.tui.widgets.prose import Prose

DAYS = 30
"""Days back and days ahead."""
EXAMS = 30


class ReportScreen(GameScreen):
    """Four plots, one below the other."""

    NAME = "report"
    CSS_PATH = "quiz.tcss"
    HELP = "report"
    OPERATIONS = (SCROLL, BACK)
    BINDINGS = bindings((BACK,))
    AUTO_FOCUS = "#plots"

    def __init__(self, desk: ReviewDesk) -> None:
        super().__init__()
        self._desk = desk

    def body(self) -> ComposeResult:
        """Plots with a line of words each."""
        moment = now()
        store = self.game.services.store
        days = retention(store.review.grades, moment, DAYS)
        coming = forecast(self._desk.review, moment, Settings.of(store), DAYS)
        yield Head(_("report"), _("the last {days} days").format(days=DAYS))
        with VerticalScroll(id="plots"):
            yield Rule(_("answers per day"), "")
            yield Prose((("quiet", self._answers_words(days)),))
            labels = _labels([day.day for day in days])
            yield BarChart(
                [Column(d.grades, d.grades, text) for d, text in zip(days, labels, strict=True)],
                id="answers",
            )
            yield Rule(_("retention: known ones answered right"), "")
            yield Prose((("quiet", self._retention_words(days)),))
            yield BarChart(
                [
                    Column(
                        100 if d.known else -1,
                        100 * d.recalled / d.known if d.known else -1,
                        text,
                        100 * d.foretold if d.foretold >= 0 else -1,
                    )
                    for d, text in zip(days, labels, strict=True)
                ],
                top=100,
                unit="%",
                id="retention",
            )
            yield Rule(_("due in the days ahead"), "")
            words = _("{today} today, {total} in {days} days.").format(
                today=coming[0], total=sum(coming), days=DAYS
            )
            yield Prose((("quiet", words),))
            ahead = _labels([moment.date() + timedelta(days=n) for n in range(DAYS)])
            yield BarChart(
                [Column(n, n, text) for n, text in zip(coming, ahead, strict=True)], id="forecast"
            )
            yield from self._exams()

    def _answers_words(self, days: tuple[DayState, ...]) -> str:
        active = sum(day.grades > 0 for day in days)
        return ngettext(
            "{total} answers on {active} day.", "{total} answers on {active} days.", active
        ).format(total=sum(day.grades for day in days), active=active)

    def _retention_words(self, days: tuple[DayState, ...]) -> str:
        known = sum(day.known for day in days)
        if not known:
            return _("No question has come back yet: retention shows when the first one does.")
        share = round(100 * sum(day.recalled for day in days) / known)
        words = _("{share} % of {known} were remembered; the line {mark} is what was foretold.")
        return words.format(share=share, known=known, mark=self.glyphs.rule)

    def _exams(self) -> ComposeResult:
        results = self.game.services.store.review.exams[-EXAMS:]
        yield Rule(_("mock interviews"), "")
        if not results:
            yield Prose((("quiet", _("No interview has been sat yet.")),))
            return
        last = round(100 * results[-1].score)
        words = _("{count} sat; the last one brought {share} %.").format(
            count=len(results), share=last
        )
        yield Prose((("quiet", words),))
        columns = [
            Column(100, 100 * each.score, str(n) if n == 1 or n % 5 == 0 else "")
            for n, each in enumerate(results, 1)
        ]
        yield BarChart(columns, top=100, unit="%", id="exams")


def _labels(days: list[date]) -> list[str]:
    """A date below every seventh column."""
    return [f"{day.month}-{day.day:02}" if n % 7 == 0 else "" for n, day in enumerate(days)]
