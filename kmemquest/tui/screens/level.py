"""Phase 1 of a level: read the driver, choose what goes into the hole, predict, run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Key, Resize
from textual.message import Message
from textual.worker import Worker, WorkerState

from kmemquest.i18n import _
from kmemquest.store import Attempt
from kmemquest.tui.glyphs import stars
from kmemquest.tui.level_operations import OPERATIONS, shown_operations
from kmemquest.tui.model import Artefact, Desk, Play, Slot
from kmemquest.tui.operations import Operation
from kmemquest.tui.screens.base import bindings
from kmemquest.tui.screens.demonstrations import DemonstratingScreen
from kmemquest.tui.screens.round_flow import go_on, refused
from kmemquest.tui.widgets.answer_pane import OTHER_LINE, AnswerPane
from kmemquest.tui.widgets.caption import Head, Rule
from kmemquest.tui.widgets.goal_pane import GoalPane
from kmemquest.tui.widgets.key_line import KeyLine
from kmemquest.tui.widgets.prediction_line import PredictionLine
from kmemquest.tui.widgets.reading import Reading

WIDE = 120


class LevelScreen(DemonstratingScreen):
    """The brief, the driver with its open slot, the goals, the cards, the prediction."""

    NAME = "level"
    CSS_PATH = "level.tcss"
    HELP = "level"
    OPERATIONS = OPERATIONS
    BINDINGS = bindings(OPERATIONS)

    class Ran(Message):
        """The worker is done."""

        def __init__(self, play: Play) -> None:
            super().__init__()
            self.play = play

    class Refused(Message):
        """The answer is not judged in this round; the words tell why."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class Left(Message):
        """The incident was run: what the machine left."""

        def __init__(self, artefacts: Sequence[Artefact]) -> None:
            super().__init__()
            self.artefacts = tuple(artefacts)

    def __init__(self, desk: Desk, answers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.desk = desk
        self._slot = 0
        self._answers: dict[str, str] = {}
        self._given_before = dict(answers or {})
        self._busy = False
        self._warned = False
        self._failed: tuple[str, ...] = ()

    # --- composing ----------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        """Story and driver to the left, goals and answers to the right or below."""
        brief = self.desk.brief
        yield Head("", brief.machine, id="head")
        with Horizontal(id="desk"):
            yield Reading(brief, id="reading")
            with Vertical(id="choosing"):
                yield Rule(_("goals"), id="goals-rule")
                yield GoalPane(brief.goals, id="goals")
                yield Rule(_("your call"), id="cards-rule")
                yield AnswerPane(brief.slots, id="answers")
                if brief.prediction is not None:
                    yield PredictionLine(brief.prediction, id="prediction")

    def key_operations(self) -> tuple[Operation, ...]:
        """What can be done with the slot in hand."""
        brief = self.desk.brief
        pane = self.query("#answers")
        return shown_operations(
            brief.slots[self._slot].kind,
            typing=bool(pane) and pane.first(AnswerPane).typing,
            slots=len(brief.slots),
            hints=bool(brief.hints),
            sealed=bool(brief.sealed),
            shows=bool(brief.shows),
            training=self.desk.round is not None and self.desk.round.kind == "training",
        )

    def on_mount(self) -> None:
        """Take up the last answers, write them in, and look at the hole."""
        store = self.game.services.store
        brief = self.desk.brief
        progress = store.level(brief.id)
        anew = self.desk.round is not None
        self._reading.seal(sealed=brief.sealed and (anew or not progress.passed))
        for slot in brief.slots:
            last = self._given_before.get(slot.id)
            if self.desk.round is None:
                last = last or progress.last_answers.get(slot.id)
            if last and self._still_fits(slot, str(last)):
                self._answers[slot.id] = str(last)
        self.set_class(brief.sealed, "-sealed")
        self._place()
        self._show_slot()
        self._show_head()
        self.call_after_refresh(self._reading.source.centre_slot)
        if brief.sealed:
            self._fetch_artefacts()
        if self.demonstrates_first:
            self.call_after_refresh(self.action_demonstrate)

    @property
    def demonstrates_first(self) -> bool:
        """True where a sheet offers demonstrations as soon as the level opens: on a first visit."""
        brief = self.desk.brief
        visited = self.game.services.store.level(brief.id).attempts or self._given_before
        return bool(brief.shows) and not visited and self.game.tour is None

    @staticmethod
    def _still_fits(slot: Slot, answer: str) -> bool:
        options = {option.id for option in slot.options}
        if slot.kind == "order":
            return set(answer.split(",")) == options
        if slot.kind in ("fill", "edit", "driver"):
            return True
        return answer in options or (slot.takes_line and answer.isdigit())

    def on_screen_resume(self) -> None:
        """Stars may have changed meanwhile."""
        super().on_screen_resume()
        self._show_head()

    def on_resize(self, event: Resize) -> None:
        """Wide terminals show both columns."""
        self.set_class(event.size.width >= WIDE, "-wide")
        self.call_after_refresh(self._reading.source.centre_slot)

    def on_descendant_focus(self) -> None:
        """Other keys work while C is typed."""
        self._show_keys()

    def on_descendant_blur(self) -> None:
        """Letters are keys again."""
        self._show_keys()

    def _show_keys(self) -> None:
        self.query_one("#keys", KeyLine).show(self.key_operations())

    # --- what is shown --------------------------------------------------------------------------

    @property
    def _pane(self) -> AnswerPane:
        return self.query_one("#answers", AnswerPane)

    @property
    def _reading(self) -> Reading:
        return self.query_one("#reading", Reading)

    @property
    def _here(self) -> Slot:
        return self.desk.brief.slots[self._slot]

    def _show_head(self) -> None:
        brief = self.desk.brief
        title = f"{brief.number} {brief.title}".strip()
        if self.desk.round is not None:
            title += f"  {self.glyphs.flag} {self.desk.round.title}"
            self.query_one("#head", Head).show(title, brief.machine)
            return
        if brief.checkpoint:
            title += f"  {self.glyphs.flag} " + _("checkpoint")
        best = self.game.services.store.level(brief.id).best_stars
        self.query_one("#head", Head).show(title, f"{stars(self.glyphs, best)}  {brief.machine}")

    def _show_slot(self) -> None:
        self._show_rule()
        self._pane.open(self._here.id, self._answers)
        self._show_keys()

    def _show_rule(self, note: str = "") -> None:
        count = len(self.desk.brief.slots)
        if not note and count > 1:
            key = "F4" if self._pane.typing else "s"
            note = _("slot {number} of {count}: {key}").format(
                number=self._slot + 1, count=count, key=key
            )
        self.query_one("#cards-rule", Rule).show(_("your call"), note)

    def _place(self) -> None:
        """Write the answers into the driver."""
        self._reading.place(self.desk.source(self._answers), self._here.id)

    # --- what the machine left ------------------------------------------------------------------

    @work(thread=True, exclusive=True, group="incident", exit_on_error=False)
    def _fetch_artefacts(self) -> None:
        self.post_message(self.Left(self.desk.artefacts()))

    @on(Left)
    def _arrived(self, event: Left) -> None:
        self._reading.load(event.artefacts)

    def action_files(self, by: int) -> None:
        """The next file."""
        self._reading.next_file(by)

    # --- choosing -----------------------------------------------------------------------------

    @on(AnswerPane.Answered)
    def _answered(self, event: AnswerPane.Answered) -> None:
        self._answers[event.slot] = event.answer
        self._pane.mark(self._answers)
        self._place()
        self.game.happened("answer-moved")

    @on(AnswerPane.Meant)
    def _meant(self, event: AnswerPane.Meant) -> None:
        if event.card == "lab" and self._here.kind == "driver":
            self.action_lab()
        elif event.card == OTHER_LINE and self._here.takes_line:
            self._ask_line()
        else:
            self.action_run()

    @on(AnswerPane.Picked)
    def _slot_picked(self, event: AnswerPane.Picked) -> None:
        names = [slot.id for slot in self.desk.brief.slots]
        self._go_to_slot(names.index(event.slot))

    def _ask_line(self) -> None:
        """The line's number, typed."""
        from kmemquest.tui.screens.lab_sheets import NameScreen

        slot = self._here

        def answered(text: str | None) -> None:
            if text is None:
                return
            if not text.isdigit():
                self.notify(_("A line is named by its number, such as 14."), timeout=4)
                return
            self._answers[slot.id] = text
            self._show_slot()

        words = _("The number of the line, as the log has it after the file's name.")
        self.app.push_screen(NameScreen(_("another line"), words, ""), answered)

    def action_lab(self) -> None:
        """The driver in the lab; where the whole driver is asked for, as the answer to it."""
        slot = next((slot.id for slot in self.desk.brief.slots if slot.kind == "driver"), "")
        if self._refuse_sealed() or (not slot and refused(self.game, self.desk.round)):
            return
        self.game.open_lab(self.desk.lab(self._given(), slot))

    def action_sandbox(self) -> None:
        """The machine and the driver of the level, for statements of the player's own."""
        if not self._refuse_sealed() and not refused(self.game, self.desk.round):
            self.game.open_sandbox(self.desk.lab(self._given()))

    def _refuse_sealed(self) -> bool:
        if self._reading.sealed:
            self.notify(_("The driver is shown when you have named what went wrong."), timeout=4)
        return self._reading.sealed

    @property
    def answers(self) -> dict[str, str]:
        """What is answered so far."""
        return self._given()

    def _given(self) -> dict[str, str]:
        """The answers that are not empty."""
        return {name: answer for name, answer in self._answers.items() if answer}

    def on_lab_screen_handed_in(self, event: Message) -> None:
        """The lab's text is the answer; running it is one key more."""
        slot = str(getattr(event, "slot", ""))
        self._answers[slot] = str(getattr(event, "text", ""))
        self._place()
        self._show_slot()

    def on_key(self, event: Key) -> None:
        """Digits go to a card; Escape leaves what is typed."""
        if event.key == "escape" and self._pane.typing:
            event.stop()
            event.prevent_default()
            self._reading.take_focus()
        elif event.character == "#" and self._here.takes_line:
            self._ask_line()
        elif event.character and event.character.isdigit() and self._pane.press(event.character):
            event.stop()

    def action_next_slot(self) -> None:
        """Go round the open places."""
        self._go_to_slot((self._slot + 1) % len(self.desk.brief.slots))

    def _go_to_slot(self, number: int) -> None:
        self._slot = number
        self._place()
        self._show_slot()
        self._reading.source.centre_slot()

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

    def action_another(self) -> None:
        """Another level of the training."""
        round_ = self.desk.round
        if round_ is None or round_.kind != "training":
            self.notify(_("Only training draws another level."), timeout=3)
        elif not self._busy:
            go_on(self.game, round_)

    def action_hint(self) -> None:
        """One more hint, after those already opened."""
        from kmemquest.tui.screens.paper import PaperScreen

        brief = self.desk.brief
        store = self.game.services.store
        if not brief.hints:
            none = _("A checkpoint has no hints.")
            if self.desk.round is not None:
                none = _("There are no hints in training, nor in a test.")
            elif not brief.checkpoint:
                none = _("This level has no hints.")
            self.notify(none)
            return
        shown = min(store.level(brief.id).hints + 1, len(brief.hints))
        store.record_hint(brief.id, shown)
        self.game.tell_trouble()
        paragraphs = []
        for index in range(shown):
            hint = self.desk.hint(index, self._failed)
            paragraphs += [("accent", f"{index + 1}."), ("plain", hint), ("plain", "")]
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
            self._show_rule(_("predict first with ← →, or Enter to run without"))
            if self._pane.typing:
                self._show_rule(_("predict first with F3, or ^r to run without"))
            return
        self._busy = True
        self._show_rule(_("compiling and running …"))
        self._run_attempt(self._given(), prediction)

    def _unanswered(self) -> bool:
        """Whether a place is still open; goes there and says so."""
        for number, slot in enumerate(self.desk.brief.slots):
            if self._answers.get(slot.id):
                continue
            if slot.kind == "driver":
                self.action_lab()
                return True
            if number != self._slot:
                self._go_to_slot(number)
            elif slot.kind == "order":
                # The lines as they lie there are an answer too, once the player runs them.
                self._answers[slot.id] = self._pane.accept_order()
                self._place()
                self._pane.mark(self._answers)
                continue
            notes = {
                "fill": _("write C first"),
                "edit": _("write C first"),
                "order": _("put the lines in order: space picks one up"),
            }
            self._show_rule(notes.get(slot.kind, _("choose a card first: ↑ ↓ or its digit")))
            return True
        return False

    @work(thread=True, exclusive=True, group="run", exit_on_error=False)
    def _run_attempt(self, answers: dict[str, str], prediction: str | None) -> None:
        refusal = self.desk.round.refuse(answers) if self.desk.round is not None else ""
        if refusal:
            self.post_message(self.Refused(refusal))
        else:
            self.post_message(self.Ran(self.desk.run(answers, prediction)))

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        """Not a mistake: nothing was run."""
        self._busy = False
        self._show_slot()
        self.notify(event.words, timeout=6)

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
        self._failed = event.play.verdict.failed
        if self.desk.brief.sealed:
            self._reading.seal(sealed=event.play.verdict.sealed)
        self._show_slot()
        line = self.query("#prediction")
        prediction = line.first(PredictionLine).choice if line else None
        verdict = event.play.verdict
        if self.desk.round is not None:
            self.desk.round.ran(self._given(), prediction, event.play)
        else:
            attempt = Attempt(
                self.desk.brief.id,
                self._given(),
                verdict.passed,
                verdict.stars,
                verdict.failed,
                prediction,
                verdict.foretold,
            )
            self.game.services.store.record_attempt(attempt)
        self.game.tell_trouble()
        self.game.happened("ran")
        if event.play.marks and not verdict.sealed:
            from kmemquest.tui.screens.watch import WatchScreen

            self.app.push_screen(WatchScreen(self.desk, event.play))
        else:
            from kmemquest.tui.screens.verdict import VerdictScreen

            self.app.push_screen(VerdictScreen(self.desk, event.play))
