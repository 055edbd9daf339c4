"""Phase 1 of a level: read the driver, choose what goes into the hole, predict, run."""

from __future__ import annotations

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Key, Resize
from textual.message import Message
from textual.worker import Worker, WorkerState

from kmemquest.i18n import N_, _
from kmemquest.store import Attempt
from kmemquest.tui.glyphs import stars
from kmemquest.tui.model import Desk, Play
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.widgets.caption import Head, Rule
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.goal_pane import GoalPane
from kmemquest.tui.widgets.prediction_line import PredictionLine
from kmemquest.tui.widgets.prose import Prose
from kmemquest.tui.widgets.source_view import SourceView

WIDE = 120


class LevelScreen(GameScreen):
    """The brief, the driver with its open slot, the goals, the cards, the prediction."""

    NAME = "level"
    CSS_PATH = "level.tcss"
    HELP = "level"
    OPERATIONS = (
        Operation(
            "level.run",
            "enter,r",
            "run",
            N_("run"),
            N_("Compile the driver with this answer, load it and play the script."),
            shown="⏎",
        ),
        Operation(
            "level.answer",
            "",
            "next_answer",
            N_("answer"),
            N_("Move over the cards; each is written into the driver at once. Digits work too."),
            shown="↑↓",
            palette=False,
        ),
        Operation(
            "level.predict",
            "right",
            "predict(1)",
            N_("predict"),
            N_("Choose what you expect to happen; the run answers it."),
            shown="←→",
        ),
        Operation(
            "level.predict-back",
            "left",
            "predict(-1)",
            N_("predict (backwards)"),
            N_("Choose the prediction before."),
            palette=False,
        ),
        Operation(
            "level.hint",
            "h",
            "hint",
            N_("hint"),
            N_("Open the next hint. There are three; the last one nearly tells."),
            shown="h",
        ),
        Operation(
            "level.brief",
            "b",
            "brief",
            N_("story"),
            N_("Read the whole story and all goals."),
            shown="b",
        ),
        Operation(
            "level.slot",
            "s",
            "next_slot",
            N_("next slot"),
            N_("Go to the next open place, where a driver has several."),
        ),
        Operation(
            "level.lab",
            "l",
            "lab",
            N_("lab"),
            N_("Open this driver, with your answers in it, in the driver lab."),
        ),
        BACK,
    )
    BINDINGS = bindings(OPERATIONS)

    class Ran(Message):
        """The worker is done."""

        def __init__(self, play: Play) -> None:
            super().__init__()
            self.play = play

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self._slot = 0
        self._answers: dict[str, str] = {}
        self._typed: dict[str, str] = {}
        self._busy = False
        self._warned = False

    # --- composing ----------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        """Story and driver to the left, goals and cards to the right or below."""
        brief = self.desk.brief
        yield Head("", brief.machine, id="head")
        with Horizontal(id="desk"):
            with Vertical(id="reading"):
                yield Prose((("plain", brief.story),), more=_("b reads on"), id="story")
                yield Rule(self.desk.source({}).name, id="source-rule")
                yield SourceView(id="source")
            with Vertical(id="choosing"):
                yield Rule(_("goals"))
                yield GoalPane(brief.goals, id="goals")
                yield Rule(_("your call"), id="cards-rule")
                yield from self._answer_widget()
                if brief.prediction is not None:
                    yield PredictionLine(brief.prediction, id="prediction")

    def _answer_widget(self) -> ComposeResult:
        slot = self.desk.brief.slots[self._slot]
        if slot.kind in ("fill", "edit"):
            from textual.widgets import Input

            yield Input(placeholder=slot.prompt or _("type C here"), id="typed")
        elif slot.kind == "driver":
            yield ChoiceList(self._cards(), id="cards")
        else:
            yield ChoiceList(self._cards(), click_chooses=False, undecided=True, id="cards")

    def _cards(self) -> list[Choice]:
        slot = self.desk.brief.slots[self._slot]
        if slot.kind == "driver":
            return self._driver_cards(slot.id)
        return [
            Choice(option.id, option.code, str(number), code=True)
            for number, option in enumerate(slot.options, 1)
        ]

    def _driver_cards(self, slot: str) -> list[Choice]:
        """The whole driver is the answer: written in the lab, run from here."""
        lab = Choice("lab", _("Write or mend the driver in the lab"), "l")
        if not self._answers.get(slot):
            return [lab]
        return [Choice("run", _("Run the driver as you wrote it"), "r"), lab]

    def on_mount(self) -> None:
        """Take up the last answers, write them in, and look at the hole."""
        store = self.game.services.store
        progress = store.level(self.desk.brief.id)
        for slot in self.desk.brief.slots:
            options = [option.id for option in slot.options]
            last = progress.last_answers.get(slot.id)
            if last in options or (last and slot.kind == "driver"):
                self._answers[slot.id] = str(last)
        self._place()
        self._show_slot()
        self._show_head()
        self.call_after_refresh(self.query_one("#source", SourceView).centre_slot)

    def on_screen_resume(self) -> None:
        """Stars may have changed meanwhile."""
        super().on_screen_resume()
        self._show_head()

    def on_resize(self, event: Resize) -> None:
        """Wide terminals show both columns."""
        self.set_class(event.size.width >= WIDE, "-wide")
        self.call_after_refresh(self.query_one("#source", SourceView).centre_slot)

    # --- what is shown --------------------------------------------------------------------------

    def _show_head(self) -> None:
        brief = self.desk.brief
        best = self.game.services.store.level(brief.id).best_stars
        title = f"{brief.number} {brief.title}".strip()
        self.query_one("#head", Head).show(title, f"{stars(self.glyphs, best)}  {brief.machine}")

    def _show_slot(self) -> None:
        slot = self.desk.brief.slots[self._slot]
        self._show_rule()
        if slot.kind in ("fill", "edit"):
            self.query_one("#typed").focus()
            return
        cards = self.query_one("#cards", ChoiceList)
        cards.show(self._cards(), self._answers.get(slot.id))
        cards.focus()

    def _show_rule(self) -> None:
        slot = self.desk.brief.slots[self._slot]
        count = len(self.desk.brief.slots)
        note = _("slot {number} of {count}: s").format(number=self._slot + 1, count=count)
        self.query_one("#cards-rule", Rule).show(
            slot.prompt or _("your call"), note if count > 1 else ""
        )

    def _place(self) -> None:
        """Write the answers into the driver."""
        slot = self.desk.brief.slots[self._slot]
        source = self.desk.source(self._answers)
        self.query_one("#source", SourceView).show(source, slot.id)

    # --- choosing -----------------------------------------------------------------------------

    @on(ChoiceList.Moved, "#cards")
    def _moved(self, event: ChoiceList.Moved) -> None:
        slot = self.desk.brief.slots[self._slot]
        if slot.kind == "driver":
            return
        self._answers[slot.id] = event.choice.id
        self._place()
        self.game.happened("answer-moved")

    @on(ChoiceList.Chosen, "#cards")
    def _card_chosen(self, event: ChoiceList.Chosen) -> None:
        if event.choice.id == "lab" and self.desk.brief.slots[self._slot].kind == "driver":
            self.action_lab()
        else:
            self.action_run()

    def action_lab(self) -> None:
        """The driver in the lab; where the whole driver is asked for, as the answer to it."""
        slot = next((slot.id for slot in self.desk.brief.slots if slot.kind == "driver"), "")
        self.game.open_lab(self.desk.lab(self._answers, slot))

    def on_lab_screen_handed_in(self, event: Message) -> None:
        """The lab's text is the answer; running it is one key more."""
        slot = str(getattr(event, "slot", ""))
        self._answers[slot] = str(getattr(event, "text", ""))
        self._place()
        self._show_slot()

    def on_input_changed(self, event: object) -> None:
        """Typed C is written into the driver as it is typed."""
        slot = self.desk.brief.slots[self._slot]
        self._answers[slot.id] = str(getattr(event, "value", ""))
        self._place()

    def on_input_submitted(self) -> None:
        """Enter in the field runs."""
        self.action_run()

    def on_key(self, event: Key) -> None:
        """Digits go to a card."""
        if event.character and event.character.isdigit():
            cards = self.query("#cards")
            if cards and cards.first(ChoiceList).press(event.character):
                event.stop()

    def action_next_slot(self) -> None:
        """Go round the open places."""
        self._slot = (self._slot + 1) % len(self.desk.brief.slots)
        self._place()
        self._show_slot()
        self.query_one("#source", SourceView).centre_slot()

    def action_predict(self, by: int) -> None:
        """Move over the predictions."""
        line = self.query("#prediction")
        if line:
            line.first(PredictionLine).move(by)

    @on(PredictionLine.Predicted)
    def _predicted(self) -> None:
        self._show_rule()
        self.game.happened("predicted")

    # --- reading ------------------------------------------------------------------------------

    def action_brief(self) -> None:
        """The whole story and all goals on a sheet."""
        from kmemquest.tui.screens.paper import PaperScreen

        brief = self.desk.brief
        goals = [
            (
                "plain" if goal.rank == 1 else "quiet",
                f"{self.glyphs.open_goal if goal.rank == 1 else self.glyphs.star * goal.rank} "
                f"{goal.text}",
            )
            for goal in brief.goals
        ]
        self.app.push_screen(
            PaperScreen(
                brief.title,
                [
                    ("plain", brief.story),
                    ("plain", ""),
                    ("quiet", brief.machine),
                    ("plain", ""),
                    *goals,
                ],
            )
        )

    def action_hint(self) -> None:
        """One more hint, after those already opened."""
        from kmemquest.tui.screens.paper import PaperScreen

        brief = self.desk.brief
        store = self.game.services.store
        if not brief.hints:
            self.notify(_("This level has no hints."))
            return
        shown = min(store.level(brief.id).hints + 1, len(brief.hints))
        store.record_hint(brief.id, shown)
        self.game.tell_trouble()
        paragraphs = []
        for number, hint in enumerate(brief.hints[:shown], 1):
            paragraphs += [("accent", f"{number}."), ("plain", hint), ("plain", "")]
        title = _("hint {shown} of {count}").format(shown=shown, count=len(brief.hints))
        self.app.push_screen(PaperScreen(title, paragraphs[:-1]))

    # --- running ------------------------------------------------------------------------------

    def action_run(self) -> None:
        """Run, after one reminder that nothing was predicted."""
        if self._busy or self._unanswered():
            return
        line = self.query("#prediction")
        prediction = line.first(PredictionLine).choice if line else None
        if line and prediction is None and not self._warned:
            self._warned = True
            self.query_one("#cards-rule", Rule).show(
                _("your call"), _("predict first with ← →, or Enter to run without")
            )
            return
        self._busy = True
        self.query_one("#cards-rule", Rule).show(_("your call"), _("compiling and running …"))
        self._run_attempt(dict(self._answers), prediction)

    def _unanswered(self) -> bool:
        """Whether a place is still open; goes there and says so."""
        for number, slot in enumerate(self.desk.brief.slots):
            if slot.kind == "driver" and not self._answers.get(slot.id):
                self.action_lab()
                return True
            if slot.options and not self._answers.get(slot.id):
                if number != self._slot:
                    self._slot = number
                    self._place()
                    self._show_slot()
                self.query_one("#cards-rule", Rule).show(
                    slot.prompt or _("your call"), _("choose a card first: ↑ ↓ or its digit")
                )
                return True
        return False

    @work(thread=True, exclusive=True, group="run", exit_on_error=False)
    def _run_attempt(self, answers: dict[str, str], prediction: str | None) -> None:
        self.post_message(self.Ran(self.desk.run(answers, prediction)))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A run that broke is told in words; the level stays as it was."""
        if event.worker.group == "run" and event.state is WorkerState.ERROR:
            self._busy = False
            self._show_slot()
            self.notify(
                _("The simulator failed: {error}. Please report it.").format(
                    error=repr(event.worker.error)
                ),
                severity="error",
                timeout=15,
            )

    @on(Ran)
    def _ran(self, event: Ran) -> None:
        self._busy = False
        self._show_slot()
        line = self.query("#prediction")
        prediction = line.first(PredictionLine).choice if line else None
        verdict = event.play.verdict
        self.game.services.store.record_attempt(
            Attempt(
                self.desk.brief.id,
                dict(self._answers),
                verdict.passed,
                verdict.stars,
                verdict.failed,
                prediction,
                verdict.foretold,
            )
        )
        self.game.tell_trouble()
        self.game.happened("ran")
        if event.play.marks:
            from kmemquest.tui.screens.watch import WatchScreen

            self.app.push_screen(WatchScreen(self.desk, event.play))
        else:
            from kmemquest.tui.screens.verdict import VerdictScreen

            self.app.push_screen(VerdictScreen(self.desk, event.play))
