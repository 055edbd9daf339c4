"""Phase 3 of a level: what came of it, the first bad step, the rule, and all other options."""

from __future__ import annotations

from textual import on, work
from textual.app import ComposeResult
from textual.events import Resize
from textual.message import Message
from textual.worker import get_current_worker

from kmemquest.i18n import N_, _
from kmemquest.tui.glyphs import stars
from kmemquest.tui.model import Desk, Outcome, Play
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.round_model import Round
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.screens.round_flow import go_on, refused
from kmemquest.tui.widgets.caption import Head, Rule
from kmemquest.tui.widgets.choice_list import ChoiceList
from kmemquest.tui.widgets.goal_pane import GoalPane, Mark
from kmemquest.tui.widgets.outcome_table import OutcomeTable
from kmemquest.tui.widgets.prose import Paragraph, Prose

TALL = 36
"""Rows from which nothing has to give way to the table."""


class VerdictScreen(GameScreen):
    """Stars, goals, the rule, and a table every row of which was really run."""

    NAME = "verdict"
    CSS_PATH = "verdict.tcss"
    HELP = "verdict"
    OPERATIONS = (
        Operation(
            "verdict.retry",
            "r",
            "retry",
            N_("retry"),
            N_("Go back to the cards; what you chose is still there."),
            shown="r",
        ),
        Operation(
            "verdict.others",
            "o",
            "others",
            N_("compare"),
            N_("Run every option and compare. Before you pass, better think first."),
            shown="o",
        ),
        Operation(
            "verdict.watch",
            "f",
            "first_bad",
            N_("first bad"),
            N_("Watch the run from the step where it went wrong."),
            shown="f",
        ),
        Operation(
            "verdict.debrief",
            "d",
            "debrief",
            N_("debrief"),
            N_("What this level wanted to teach, and where to read on."),
            shown="d",
        ),
        Operation(
            "verdict.lab",
            "l",
            "lab",
            N_("lab"),
            N_("Open this driver, with your answers in it, in the driver lab."),
            shown="l",
        ),
        Operation(
            "verdict.hint",
            "h",
            "hint",
            N_("hint"),
            N_("What this mistake says: the hint that reacts to it."),
            shown="h",
        ),
        Operation(
            "verdict.size",
            "a",
            "size",
            N_("one more question"),
            N_("At which size does the answer change? The simulator runs them all."),
            shown="a",
        ),
        Operation("verdict.next", "n", "next_level", N_("next"), N_("Go on."), shown="n"),
        BACK,
    )
    BINDINGS = bindings(OPERATIONS)

    class Compared(Message):
        """One option was run."""

        def __init__(self, outcome: Outcome) -> None:
            super().__init__()
            self.outcome = outcome

    def __init__(self, desk: Desk, play: Play) -> None:
        super().__init__()
        self.desk = desk
        self.play = play
        self._outcomes: list[Outcome] = []
        self._asked = False

    def key_operations(self) -> tuple[Operation, ...]:
        """After a failure what helps to think; after a win what leads on."""
        verdict = self.play.verdict
        asks = verdict.passed and self.desk.size_question() is not None
        hidden = {"verdict.watch", "verdict.hint"} if verdict.passed else {"verdict.next"}
        if not verdict.passed and self.desk.brief.hints:
            hidden.add("verdict.debrief")
        if not self.desk.brief.hints:
            hidden.add("verdict.hint")
        if verdict.sealed:
            hidden |= {"verdict.watch", "verdict.others", "verdict.lab", "verdict.debrief"}
        hidden.add("verdict.lab" if asks else "verdict.size")
        round_ = self.desk.round
        if round_ is not None:
            hidden = self._hidden_in(round_, hidden)
        shown = [op for op in super().key_operations() if op.id not in hidden]
        return tuple(shown)

    def _hidden_in(self, round_: Round, hidden: set[str]) -> set[str]:
        """A round leads on after a failure too; a test tells nothing while it may be repeated."""
        hidden = (hidden | {"verdict.hint"}) - {"verdict.next"}
        if not round_.may_retry:
            hidden.add("verdict.retry")
        elif round_.kind == "test":
            hidden |= {"verdict.others", "verdict.lab", "verdict.debrief", "verdict.next"}
        return hidden

    def body(self) -> ComposeResult:
        """Verdict, goals, table."""
        yield Head(id="head")
        yield Prose((), id="words")
        yield Rule(_("goals"), id="goals-rule")
        yield GoalPane((), id="goals")
        yield Rule(_("every option, really run"), id="table-rule")
        yield OutcomeTable(id="table")

    def on_mount(self) -> None:
        """Say it."""
        brief = self.desk.brief
        verdict = self.play.verdict
        round_ = self.desk.round
        title = f"{brief.number} {brief.title}".strip()
        self.query_one("#head", Head).show(title, stars(self.glyphs, verdict.stars))
        self.set_class(not verdict.passed, "-failed")
        self.query_one("#words", Prose).show(*self._words())
        self.query_one("#goals", GoalPane).mark(self._goals())
        if verdict.passed:
            self.action_others()
            self.game.happened("won")
        elif verdict.sealed:
            self.query_one("#table", OutcomeTable).say(
                " " + _("The driver stays hidden until what went wrong is named; r reads on.")
            )
        elif round_ is not None and round_.kind == "test" and round_.may_retry:
            self.query_one("#table", OutcomeTable).say(
                " " + _("What the others do is shown when the test is over; r thinks again.")
            )
        else:
            self.query_one("#table", OutcomeTable).say(
                " " + _("Press o to see what every option does, or r to think again first.")
            )

    def on_resize(self, event: Resize) -> None:
        """A tall terminal has room for the rule beside the table."""
        self.set_class(event.size.height >= TALL, "-tall")

    def _words(self) -> list[Paragraph]:
        verdict = self.play.verdict
        mark = self.glyphs.met if verdict.passed else self.glyphs.unmet
        tone = "good" if verdict.passed else "bad"
        words: list[Paragraph] = [("plain", ""), (tone, f"{mark} {verdict.headline}")]
        if verdict.first_bad:
            words.append(("plain", "  " + _("First bad") + f"\t{verdict.first_bad}"))
        if verdict.prediction:
            foretold = verdict.foretold
            said = self.glyphs.met if foretold else self.glyphs.unmet
            words.append(
                (
                    "good" if foretold else "warn",
                    f"{said} " + _("Predicted") + f"\t{verdict.prediction}",
                )
            )
        if verdict.rule:
            words.append(("plain", "  " + _("Rule") + f"\t{verdict.rule}"))
        if verdict.remark:
            words.append(("plain", "  " + _("Because") + f"\t{verdict.remark}"))
        if verdict.passed and self.desk.size_question() is not None:
            words.append(("link", "  " + _("One more") + "\t" + _("press a for one more question")))
        if self.desk.round is not None:
            told = self.desk.round
            label = _("Training") if told.kind == "training" else _("Test")
            words.append(("link", f"  {label}\t{told.words}"))
        words.append(("plain", ""))
        return words

    def _goals(self) -> list[Mark]:
        goals: list[Mark] = []
        for goal in self.play.verdict.goals:
            if goal.rank > 1 and not self.play.verdict.passed:
                continue
            mark = self.glyphs.met if goal.met else self.glyphs.unmet
            rank = f"{self.glyphs.star * goal.rank} " if goal.rank > 1 else ""
            # The headline has already told why a required goal was missed.
            why = f" {self.glyphs.dash} {goal.why}" if goal.why and goal.rank > 1 else ""
            tone = "good" if goal.met else "bad" if goal.rank == 1 else "quiet"
            goals.append((mark, f"{rank}{goal.text}{'' if goal.met else why}", tone))
        return goals

    # --- the other options ----------------------------------------------------------------------

    def action_others(self) -> None:
        """Run all options, one after the other, and show each as soon as it is known."""
        if self._refuse_sealed() or refused(self.game, self.desk.round):
            return
        table = self.query_one("#table", OutcomeTable)
        table.focus()
        if self._asked:
            return
        self._asked = True
        self.add_class("-comparing")
        table.say(" " + _("running every option"))
        self._compare()

    @work(thread=True, exclusive=True, group="compare", exit_on_error=False)
    def _compare(self) -> None:
        worker = get_current_worker()
        for run_option in self.desk.outcomes():
            if worker.is_cancelled:
                return
            self.post_message(self.Compared(run_option()))

    @on(Compared)
    def _compared(self, event: Compared) -> None:
        self._outcomes.append(event.outcome)
        chosen = dict(self.play_answers())
        self.query_one("#table", OutcomeTable).show_outcomes(self._outcomes, chosen)

    def play_answers(self) -> dict[str, str]:
        """The answers of this run, for finding its row."""
        if self.desk.round is not None:
            return dict(self.desk.round.answers)
        return dict(self.game.services.store.level(self.desk.brief.id).last_answers)

    @on(ChoiceList.Chosen, "#table")
    def _open_outcome(self, event: ChoiceList.Chosen) -> None:
        for number, outcome in enumerate(self._outcomes):
            if event.choice.id == str(number):
                self._watch_outcome(outcome)

    @work(thread=True, exclusive=True, group="rerun", exit_on_error=False)
    def _watch_outcome(self, outcome: Outcome) -> None:
        play = self.desk.run(outcome.answers, None)
        self.app.call_from_thread(self._show_play, play)

    def _show_play(self, play: Play) -> None:
        if not play.marks:
            self.notify(_("This answer does not compile, so there is nothing to watch."))
            return
        from kmemquest.tui.screens.watch import WatchScreen

        first = play.verdict.first_bad_step or 0
        self.app.push_screen(WatchScreen(self.desk, play, first, compared=True))

    # --- on to other screens ----------------------------------------------------------------------

    def action_first_bad(self) -> None:
        """Watch from where it went wrong."""
        step = self.play.verdict.first_bad_step
        if self._refuse_sealed():
            return
        if not self.play.marks:
            self.notify(_("There is nothing to watch: the driver never ran."))
            return
        from kmemquest.tui.screens.watch import WatchScreen

        self.app.push_screen(WatchScreen(self.desk, self.play, step or 0, compared=True))

    def action_retry(self) -> None:
        """Back to the cards."""
        if self.desk.round is not None and not self.desk.round.may_retry:
            self.notify(self.desk.round.words, timeout=4)
            return
        self.game.happened("retried")
        self.game.back_to("level")

    def action_debrief(self) -> None:
        """What it was about."""
        if self._refuse_sealed() or refused(self.game, self.desk.round):
            return
        from kmemquest.tui.screens.debrief import DebriefScreen

        self.app.push_screen(DebriefScreen(self.desk))

    def action_lab(self) -> None:
        """The driver with this answer, to be changed at will."""
        if self._refuse_sealed() or refused(self.game, self.desk.round):
            return
        self.game.open_lab(self.desk.lab(self.play_answers()))

    def _refuse_sealed(self) -> bool:
        """A diagnosis that is still wrong gives nothing of the driver away."""
        sealed = self.play.verdict.sealed
        if sealed:
            self.notify(_("The driver is shown when you have named what went wrong."), timeout=4)
        return sealed

    def action_hint(self) -> None:
        """The first hint, as it reacts to this mistake."""
        from kmemquest.tui.screens.paper import PaperScreen

        brief = self.desk.brief
        if not brief.hints:
            self.notify(_("This level has no hints."))
            return
        store = self.game.services.store
        store.record_hint(brief.id, max(1, store.level(brief.id).hints))
        hint = self.desk.hint(0, self.play.verdict.failed)
        self.app.push_screen(PaperScreen(_("hint"), [("plain", hint)]))

    def action_size(self) -> None:
        """“At which size does the answer change?”"""
        question = self.desk.size_question()
        if question is None or not self.play.verdict.passed:
            self.notify(_("There is no further question here."), timeout=3)
            return
        from kmemquest.tui.screens.debrief_size import SizeScreen

        self.app.push_screen(SizeScreen(self.desk, question))

    def action_next_level(self) -> None:
        """The level after this one in the campaign, or in the round."""
        if self.desk.round is not None:
            if not refused(self.game, self.desk.round):
                go_on(self.game, self.desk.round)
            return
        entries = list(self.game.services.library.entries())
        ids = [entry.id for entry in entries]
        place = ids.index(self.desk.brief.id) + 1 if self.desk.brief.id in ids else len(ids)
        if place >= len(ids):
            self.notify(_("This was the last level."))
            return
        game = self.game
        below = {getattr(screen, "NAME", "") for screen in game.screen_stack}
        game.back_to("campaign" if "campaign" in below else "home")
        game.open_level(ids[place])
