"""After a level: “at which size does the answer change?”, answered by running every size."""

from __future__ import annotations

from datetime import datetime

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.worker import get_current_worker

from kmemquest.i18n import N_, _
from kmemquest.tui.model import Desk, SizePoint, SizeQuestion
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.widgets.caption import Head, Rule
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.key_line import KeyLine
from kmemquest.tui.widgets.prose import Prose


class SizeScreen(GameScreen):
    """The question, the values, then what the simulator answered at each of them."""

    NAME = "size-question"
    CSS_PATH = "debrief.tcss"
    HELP = "size-question"
    OPERATIONS = (
        Operation(
            "size.answer",
            "",
            "answer",
            N_("this one"),
            N_("Say at which value the answer is another one; the simulator then runs them all."),
            shown="⏎",
            palette=False,
        ),
        Operation("size.next", "n", "next_level", N_("next level"), N_("Go on."), shown="n"),
        BACK,
    )
    BINDINGS = bindings(OPERATIONS[1:])

    class Ran(Message):
        """One value was run; None when all are done."""

        def __init__(self, point: SizePoint | None) -> None:
            super().__init__()
            self.point = point

    def __init__(self, desk: Desk, question: SizeQuestion) -> None:
        super().__init__()
        self.desk = desk
        self.question = question
        self._said = ""
        self._points: list[SizePoint] = []

    def body(self) -> ComposeResult:
        """Question, values, answer."""
        brief = self.desk.brief
        yield Head(f"{brief.number} {brief.title}".strip(), _("one more question"))
        yield Prose((("plain", self.question.text),), indent=2, id="asked")
        yield Rule(_("at which value?"), id="values-rule")
        yield ChoiceList(self._choices(), id="values")
        yield Prose((), indent=2, id="said")

    def on_mount(self) -> None:
        """The values have the keyboard."""
        self.query_one("#values").focus()

    def key_operations(self) -> tuple[Operation, ...]:
        """First the answer, then on."""
        hidden = "size.answer" if self._said else "size.next"
        return tuple(op for op in super().key_operations() if op.id != hidden)

    def action_next_level(self) -> None:
        """The level after this one."""
        self.app.pop_screen()
        go_on = getattr(self.app.screen, "action_next_level", None)
        if go_on is not None:
            go_on()

    def _choices(self) -> list[Choice]:
        known = {point.value: point for point in self._points}
        values = (self.question.first, *self.question.values)
        choices = []
        for value in values:
            point = known.get(value)
            changed = point is not None and point.changed
            mark = self.glyphs.arrow if changed else " "
            if value == self._said:
                mark = self.glyphs.pointer if not changed else self.glyphs.met
            choices.append(
                Choice(
                    value,
                    value,
                    tail=point.answer if point is not None else "",
                    tone="strong" if changed else "plain",
                    mark=mark,
                    mark_tone="good" if changed else "accent",
                )
            )
        return choices

    @on(ChoiceList.Chosen, "#values")
    def _chosen(self, event: ChoiceList.Chosen) -> None:
        if self._said:
            return
        if event.choice.id == self.question.first:
            self.notify(_("That is where it begins; nothing has changed there yet."), timeout=3)
            return
        self._said = event.choice.id
        self.query_one("#values-rule", Rule).show(_("running every value …"))
        self.query_one("#keys", KeyLine).show(self.key_operations())
        self._run()

    def action_answer(self) -> None:
        """Take the value under the cursor."""
        self.query_one("#values", ChoiceList).action_choose()

    @work(thread=True, exclusive=True, group="sizes", exit_on_error=False)
    def _run(self) -> None:
        worker = get_current_worker()
        for point in self.desk.size_points():
            if worker.is_cancelled:
                return
            self.post_message(self.Ran(point))
        self.post_message(self.Ran(None))

    @on(Ran)
    def _ran(self, event: Ran) -> None:
        if event.point is not None:
            self._points.append(event.point)
            self.query_one("#values", ChoiceList).show(self._choices())
            return
        change = next((point for point in self._points if point.changed), None)
        self.query_one("#values-rule", Rule).show(_("what the simulator says"))
        said = self.query_one("#said", Prose)
        if change is None:
            said.show(("warn", _("The answer is the same everywhere.")))
            return
        right = change.value == self._said
        verdict = _("Right: it changes at {value}.") if right else _("It changes at {value}.")
        mark = self.glyphs.met if right else self.glyphs.unmet
        told = f"{mark} " + verdict.format(value=change.value)
        kept = _("Review asks this again.") if self._keep(right) else ""
        said.show(("good" if right else "warn", told), ("quiet", f"  {kept}"))

    def _keep(self, right: bool) -> bool:
        """Save what was said; a level outside of the campaign is none that review knows."""
        brief = self.desk.brief
        if not brief.number:
            return False
        from kmemquest.tui.predictions import note_size_answer

        store, moment = self.game.services.store, datetime.now().astimezone()
        note_size_answer(store, brief.id, brief.difficulty, right=right, now=moment)
        self.game.tell_trouble()
        return True
