"""The place where the player answers: cards, a field, an editor or lines to order, slot by slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from kmemquest.i18n import _
from kmemquest.tui.model import Slot
from kmemquest.tui.widgets.caption import TabLine
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.code_editor import CodeEditor
from kmemquest.tui.widgets.line_order import LineOrder
from kmemquest.tui.widgets.prose import Prose

if TYPE_CHECKING:
    from textual.widget import Widget

    from kmemquest.tui.app import GameApp

TYPED = ("fill", "edit")
"""Kinds for which letters are text, not keys."""
CARDS = ("choice", "predict", "diagnose", "driver")
OTHER_LINE = "line"
"""The card that asks for another line's number; no option is called so beside lines."""


class AnswerField(Input):
    """One line of C. Escape leaves it, so that the screen's letters work."""

    HELP = "c-field"


class AnswerPane(Vertical):
    """All open places of a level, one at a time."""

    DEFAULT_CSS = """
    AnswerPane { height: auto; }
    AnswerPane #question { max-height: 3; }
    AnswerPane #typed {
        border: none; height: 1; padding: 0 1; background: $panel;
        &:focus { border: none; background: $panel; }
    }
    AnswerPane #lines { height: 6; }
    """

    class Answered(Message):
        """A place was answered (or its answer taken back: empty)."""

        def __init__(self, slot: str, answer: str) -> None:
            super().__init__()
            self.slot = slot
            self.answer = answer

    class Meant(Message):
        """The player pressed Enter on an answer; `card` is the card's id, if it was one."""

        def __init__(self, card: str = "") -> None:
            super().__init__()
            self.card = card

    class Picked(Message):
        """Another slot was clicked."""

        def __init__(self, slot: str) -> None:
            super().__init__()
            self.slot = slot

    def __init__(self, slots: Sequence[Slot], **arguments: Any) -> None:
        super().__init__(**arguments)
        self._slots = {slot.id: slot for slot in slots}
        self._answers: Mapping[str, str] = {}
        self.slot = slots[0]

    @property
    def game(self) -> GameApp:
        """The game this widget belongs to."""
        from kmemquest.tui.app import GameApp

        app = self.app
        assert isinstance(app, GameApp)
        return app

    def compose(self) -> ComposeResult:
        """Only the widgets that some slot of this level needs."""
        kinds = {slot.kind for slot in self._slots.values()}
        yield TabLine(id="slots")
        yield Prose((), id="question")
        if kinds & set(CARDS):
            undecided = kinds != {"driver"}
            yield ChoiceList((), click_chooses=not undecided, undecided=undecided, id="cards")
        if "fill" in kinds:
            yield AnswerField(placeholder=_("type C here"), id="typed")
        if "edit" in kinds:
            yield CodeEditor("", id="lines")
        if "order" in kinds:
            yield LineOrder(id="order")

    def _widget(self, kind: str) -> Widget:
        name = {"fill": "#typed", "edit": "#lines", "order": "#order"}.get(kind, "#cards")
        return self.query_one(name)

    @property
    def typing(self) -> bool:
        """Whether letters go into the answer now."""
        return self.slot.kind in TYPED and self._widget(self.slot.kind).has_focus

    def open(self, name: str, answers: Mapping[str, str]) -> None:
        """Show a slot with what was answered so far, and take the keyboard."""
        self.slot = slot = self._slots[name]
        self._answers = answers
        here = self._widget(slot.kind)
        for identifier in ("cards", "typed", "lines", "order"):
            for widget in self.query(f"#{identifier}"):
                widget.display = widget is here
        question = self.query_one("#question", Prose)
        question.display = bool(slot.prompt)
        question.show(("link", slot.prompt))
        answer = answers.get(name, "")
        if isinstance(here, Input):
            with here.prevent(Input.Changed):
                here.value = answer
        elif isinstance(here, CodeEditor):
            with here.prevent(CodeEditor.Changed):
                here.load_text(answer or slot.start)
        elif isinstance(here, LineOrder):
            here.show(slot.options, answer.split(",") if answer else ())
        elif isinstance(here, ChoiceList):
            # Cards of another slot may have the same ids: the cursor does not stay on one of them.
            here.leave()
            here.show(self._cards(slot, answer), self._card_of(slot, answer))
        self.mark(answers)
        here.focus()

    def mark(self, answers: Mapping[str, str]) -> None:
        """Show which slots are answered."""
        self._answers = answers
        tabs = self.query_one("#slots", TabLine)
        tabs.display = len(self._slots) > 1
        glyphs = self.game.glyphs
        tabs.show(
            [
                (name, f"{glyphs.knob if answers.get(name) else glyphs.open_goal} {name}")
                for name in self._slots
            ],
            self.slot.id,
        )

    def _card_of(self, slot: Slot, answer: str) -> str | None:
        if slot.takes_line and answer.isdigit() and answer not in {o.id for o in slot.options}:
            return OTHER_LINE
        return answer or None

    def _cards(self, slot: Slot, answer: str) -> list[Choice]:
        if slot.kind == "driver":
            lab = Choice("lab", _("Write or mend the driver in the lab"), "l")
            if not answer:
                return [lab]
            return [Choice("run", _("Run the driver as you wrote it"), "r"), lab]
        code = slot.kind == "choice" or slot.takes_line
        cards = [
            Choice(option.id, option.code, str(number), code=code)
            for number, option in enumerate(slot.options, 1)
        ]
        if slot.takes_line:
            typed = answer if self._card_of(slot, answer) == OTHER_LINE else ""
            tail = _("line {line}").format(line=typed) if typed else ""
            cards.append(Choice(OTHER_LINE, _("another line, by its number"), "#", tail))
        return cards

    def press(self, key: str) -> bool:
        """Digits go to a card, or to a place."""
        here = self._widget(self.slot.kind)
        return isinstance(here, ChoiceList | LineOrder) and here.press(key)

    def accept_order(self) -> str:
        """The order as it lies there; empty for other kinds."""
        here = self._widget(self.slot.kind)
        return ",".join(here.order) if isinstance(here, LineOrder) else ""

    # --- what the player does -------------------------------------------------------------------

    @on(TabLine.Picked, "#slots")
    def _tab(self, event: TabLine.Picked) -> None:
        event.stop()
        self.post_message(self.Picked(event.tab))

    @on(ChoiceList.Moved, "#cards")
    def _moved(self, event: ChoiceList.Moved) -> None:
        event.stop()
        if self.slot.kind == "driver" or event.choice.id == OTHER_LINE:
            return
        self.post_message(self.Answered(self.slot.id, event.choice.id))

    @on(ChoiceList.Chosen, "#cards")
    def _chosen(self, event: ChoiceList.Chosen) -> None:
        event.stop()
        self.post_message(self.Meant(event.choice.id))

    @on(Input.Changed, "#typed")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Answered(self.slot.id, event.value))

    @on(Input.Submitted, "#typed")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Meant())

    @on(CodeEditor.Changed, "#lines")
    def _edited(self, event: CodeEditor.Changed) -> None:
        event.stop()
        if self.slot.kind == "edit":
            text = event.text_area.text
            self.post_message(self.Answered(self.slot.id, text if text.strip() else ""))

    @on(LineOrder.Ordered, "#order")
    def _ordered(self, event: LineOrder.Ordered) -> None:
        event.stop()
        self.post_message(self.Answered(self.slot.id, ",".join(event.order)))
