"""Mock interviews: which one, which paper, and how the last ones went."""

from __future__ import annotations

import random
from datetime import datetime

from textual import on
from textual.app import ComposeResult

from kmemquest.i18n import N_, _, language
from kmemquest.quiz.bank import Bank
from kmemquest.quiz.exam import MOST_SEED, CannotDraw, Sitting, draw_paper
from kmemquest.quiz.exam_model import blueprint_text, shipped_blueprints
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.screens.quiz_question import now
from kmemquest.tui.widgets.caption import Head
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.prose import Prose

RESULTS = 8
"""Past results listed."""


class ExamMenuScreen(GameScreen):
    """The blueprints with their length, and past results."""

    NAME = "exam-menu"
    CSS_PATH = "quiz.tcss"
    HELP = "exam-menu"
    OPERATIONS = (
        Operation("exam-menu.start", "enter", "start", N_("begin"),
                  N_("Begin the interview under the cursor; the clock starts at once."),
                  shown="⏎"),
        Operation("exam-menu.seed", "p", "seed", N_("paper"),
                  N_("Choose the number of the paper: the same number gives the same questions."),
                  shown="p"),
        BACK,
    )  # fmt: skip
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, bank: Bank) -> None:
        super().__init__()
        self._bank = bank
        self._seed: int | None = None
        shortest_first = sorted(shipped_blueprints(), key=lambda each: each.minutes)
        self._blueprints = {each.id: each for each in shortest_first}

    def body(self) -> ComposeResult:
        """Words and the list."""
        yield Head(_("mock interview"), "", id="head")
        words = _("Timed, no hints, feedback only in the report. Flag a question and return to it.")
        yield Prose((("plain", ""), ("quiet", words), ("plain", "")))
        yield ChoiceList(id="list", click_chooses=False)

    def on_mount(self) -> None:
        """The list has the keyboard."""
        self._show()
        self.query_one("#list", ChoiceList).focus()

    def on_screen_resume(self) -> None:
        """There may be a new result."""
        super().on_screen_resume()
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        paper = _("paper: random") if self._seed is None else _("paper {seed}")
        self.query_one("#head", Head).show(_("mock interview"), paper.format(seed=self._seed))
        choices = []
        for each in self._blueprints.values():
            text = blueprint_text(each, language())
            tail = _("{count} questions · {minutes} min").format(
                count=each.count, minutes=each.minutes
            )
            choices.append(Choice(each.id, text.title, tail=tail, note=text.about))
        results = self.game.services.store.review.exams
        if results:
            choices += [Choice("", ""), Choice("", _("Past interviews"))]
        for result in list(reversed(results))[:RESULTS]:
            filled = round(10 * result.score)
            bar = self.glyphs.fill * filled + self.glyphs.empty * (10 - filled)
            day = datetime.fromtimestamp(result.at).astimezone().strftime("%Y-%m-%d")
            share = f"{bar} {100 * result.score:.0f} %"
            label = f"{day}  {self._title_of(result.blueprint)} #{result.seed}"
            choices.append(
                Choice(f"{result.blueprint} {result.seed}", label, tail=share, tone="quiet")
            )
        self.query_one("#list", ChoiceList).show(choices)

    def _title_of(self, name: str) -> str:
        known = self._blueprints.get(name)
        return blueprint_text(known, language()).title if known is not None else name

    @on(ChoiceList.Chosen)
    def _chosen(self) -> None:
        self.action_start()

    def action_start(self) -> None:
        """Draw a paper and begin; a past interview is sat again with the same paper."""
        current = self.query_one("#list", ChoiceList).current
        if current is None:
            return
        name, _space, old_seed = current.id.partition(" ")
        blueprint = self._blueprints.get(name)
        if blueprint is None:
            return
        seed = int(old_seed) if old_seed else self._seed
        if seed is None:
            seed = random.SystemRandom().randrange(1, MOST_SEED)
        try:
            paper = draw_paper(blueprint, self._bank, seed)
        except CannotDraw as error:
            self.notify(str(error), severity="error", timeout=8)
            return
        from kmemquest.tui.screens.exam import ExamScreen

        sitting = Sitting(paper, self._bank, language(), now())
        self.app.push_screen(ExamScreen(sitting))

    def action_seed(self) -> None:
        """Ask for the number of the paper."""
        from kmemquest.tui.screens.lab_sheets import NameScreen

        now_set = "" if self._seed is None else str(self._seed)
        words = _("A number up to 999999: the same number gives the same questions. random: any.")
        self.app.push_screen(NameScreen(_("paper"), words, now_set or "random"), self._set_seed)

    def _set_seed(self, text: str | None) -> None:
        if text is None:
            return
        if text.isascii() and text.isdigit() and len(text) < 7:
            self._seed = int(text)
        elif text == "random":
            self._seed = None
        else:
            self.notify(_("Expected a number up to 999999, or random."), severity="warning")
        self._show()
