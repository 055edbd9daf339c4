"""Where a question is answered: one field for each way of answering.

Every field gives its answer as the text that `kmemquest.quiz.grade.grade` reads, and can be given
back what was answered (`Grade.given`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from kmemquest.i18n import _
from kmemquest.quiz.given import unit_word
from kmemquest.quiz.grade import answer_hint
from kmemquest.quiz.question import Option, Question
from kmemquest.tui.operations import plain_keys
from kmemquest.tui.quiz_source import LETTERS
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.order_list import OrderList
from kmemquest.tui.widgets.prose import Prose

if TYPE_CHECKING:
    from textual.widgets import Input, TextArea

    from kmemquest.quiz.grade import Grade
    from kmemquest.tui.glyphs import Glyphs
    from kmemquest.tui.widgets.question_view import QuestionView


class AnswerField(Vertical):
    """A field. `touched` tells whether the player has put anything in by hand."""

    DEFAULT_CSS = """
    AnswerField { height: auto; }
    AnswerField ChoiceList { height: auto; margin: 0 1; }
    AnswerField Input { width: 60; max-width: 96%; margin: 0 2; }
    AnswerField CodeEditor { height: 7; margin: 0 2; }
    """

    class Submitted(Message):
        """The player gives the answer."""

    def __init__(self, question: Question, glyphs: Glyphs) -> None:
        super().__init__()
        self.question = question
        self.marks = glyphs
        self.touched = False

    def text(self) -> str:
        """The answer as text; empty if there is none yet."""
        raise NotImplementedError

    def put(self, given: Sequence[str]) -> None:
        """Show an answer that was given before."""

    def press(self, key: str) -> bool:
        """Obey a letter; False if it means nothing here."""
        del key
        return False

    def tick(self) -> None:
        """Obey the space bar."""

    def reveal(self, grade: Grade) -> None:
        """Show what is right."""

    def take_focus(self) -> None:
        """Have the keyboard."""
        for child in self.query("ChoiceList, Input, CodeEditor"):
            child.focus(scroll_visible=False)
            return

    @property
    def takes_text(self) -> bool:
        """True if letters are text here, not keys."""
        return False


def field_for(question: Question, glyphs: Glyphs, view: QuestionView) -> AnswerField:
    """Return the field for a question's kind."""
    match question.kind:
        case "numeric" | "code":
            return TypedField(question, glyphs, view)
        case "order":
            return OrderField(question, glyphs)
        case "match":
            return MatchField(question, glyphs)
        case "bug":
            return LineField(question, glyphs, view)
    return ChoiceField(question, glyphs, kept=view.exam)


class ChoiceField(AnswerField):
    """One option, or several to tick; `kept` shows what was chosen before."""

    def __init__(self, question: Question, glyphs: Glyphs, *, kept: bool) -> None:
        super().__init__(question, glyphs)
        self._several = question.kind == "multiple"
        self._kept = kept
        self._chosen: set[str] = set()
        self._grade: Grade | None = None

    def compose(self) -> ComposeResult:
        """The options."""
        # A single answer is undecided until a key or a click: Enter alone gives none.
        yield ChoiceList(
            self._choices(),
            click_chooses=not self._several,
            undecided=not self._several,
            id="options",
        )

    @property
    def _list(self) -> ChoiceList:
        return self.query_one("#options", ChoiceList)

    def _choices(self) -> list[Choice]:
        return [
            self._choice(letter, option)
            for letter, option in zip(LETTERS, self.question.shown_options, strict=False)
        ]

    def _choice(self, letter: str, option: Option) -> Choice:
        mark, tone, note = "", "plain", ""
        chosen = option.id in self._chosen
        if self._grade is not None:
            right = {each.id for each, _chosen in self._grade.feedback if each.correct}
            mine = self.marks.pointer if chosen else " "
            mark = mine + (self.marks.met if option.id in right else self.marks.unmet)
            tone = "good" if option.id in right else "bad" if chosen else "quiet"
            note = option.feedback
        elif self._several:
            mark = "[x]" if chosen else "[ ]"
        elif self._kept:
            mark = "(x)" if chosen else "( )"
        return Choice(option.id, option.text, letter, mark=mark, mark_tone=tone, note=note)

    def text(self) -> str:
        """The ids of what is chosen."""
        if self._several:
            return " ".join(sorted(self._chosen))
        current = self._list.current
        return current.id if current is not None else ""

    def put(self, given: Sequence[str]) -> None:
        """Tick what was given."""
        self._chosen = set(given)
        self._list.show(self._choices(), given[0] if given else None)

    def press(self, key: str) -> bool:
        """Go to an option; tick it where several may be right."""
        found = self._list.press(key)
        if found:
            self.tick()
        return found

    def tick(self) -> None:
        """Tick or untick the option under the cursor."""
        current = self._list.current
        if self._several and current is not None and self._grade is None:
            self._chosen ^= {current.id}
            self.touched = True
            self._list.show(self._choices())

    def on_choice_list_chosen(self, event: ChoiceList.Chosen) -> None:
        """Enter or a click on an option."""
        event.stop()
        if self._several and not self._chosen and self._grade is None:
            self.tick()
        else:
            self.post_message(self.Submitted())

    def on_click(self) -> None:
        """Where several may be right a click ticks."""
        self.tick()

    def reveal(self, grade: Grade) -> None:
        """Marks and reasons for every option."""
        self._grade = grade
        self._chosen = set(grade.chosen)
        self._list.show(self._choices())
        # A cursor would look like an answer that was given.
        self._list.leave()


class TypedField(AnswerField):
    """A number, or C for the hole in the driver."""

    def __init__(self, question: Question, glyphs: Glyphs, view: QuestionView) -> None:
        super().__init__(question, glyphs)
        self._view = view

    def compose(self) -> ComposeResult:
        """A field; the driver above shows C as it is typed."""
        from textual.widgets import Input

        if self.question.several_lines:
            from kmemquest.tui.widgets.code_editor import CodeEditor

            yield CodeEditor()
        elif self.question.kind == "code":
            yield Input(placeholder=_("C for the gap, e.g. kmalloc(64, GFP_KERNEL)"))
        else:
            unit = unit_word(self.question.unit)
            yield Input(placeholder=answer_hint(self.question))
            if unit:
                yield Prose((("quiet", _("in {unit}").format(unit=unit)),), indent=3)

    @property
    def _field(self) -> Input | TextArea:
        from textual.widgets import Input, TextArea

        if self.question.several_lines:
            return self.query_one(TextArea)
        return self.query_one(Input)

    @property
    def takes_text(self) -> bool:
        """Letters are text."""
        return not self._field.disabled

    def text(self) -> str:
        """What was typed."""
        field = self._field
        return str(getattr(field, "value", getattr(field, "text", ""))).strip("\n")

    def put(self, given: Sequence[str]) -> None:
        """What was typed before."""
        field = self._field
        text = given[0] if given else ""
        if hasattr(field, "value"):
            field.value = text
        else:
            field.load_text(text)
        self.touched = False

    def on_input_changed(self) -> None:
        """The driver shows the code at once."""
        self._typed()

    def on_text_area_changed(self) -> None:
        """The driver shows the code at once."""
        self._typed()

    def _typed(self) -> None:
        self.touched = True
        if self.question.kind == "code":
            self._view.show_code(self.text().strip())

    def on_input_submitted(self) -> None:
        """Enter answers."""
        self.post_message(self.Submitted())

    def reveal(self, grade: Grade) -> None:
        """What was typed stays readable; the screen has the keyboard again."""
        del grade
        self._field.disabled = True


class OrderField(AnswerField):
    """Lines to bring into order."""

    def compose(self) -> ComposeResult:
        """The lines, in the order in which they are asked."""
        options = zip(LETTERS, self.question.options, strict=False)
        yield OrderList([(option.id, option.text, letter) for letter, option in options])

    @property
    def _list(self) -> OrderList:
        return self.query_one(OrderList)

    def text(self) -> str:
        """The ids in order."""
        self.touched = self._list.touched
        return " ".join(self._list.order)

    def put(self, given: Sequence[str]) -> None:
        """The order given before."""
        if given:
            self._list.put(given)

    def press(self, key: str) -> bool:
        """Go to a line."""
        return self._list.press(key)

    def tick(self) -> None:
        """Pick up or put down."""
        self._list.action_pick_up()

    def on_choice_list_chosen(self, event: ChoiceList.Chosen) -> None:
        """Enter puts down what is held; otherwise it answers."""
        event.stop()
        if self._list.held:
            self._list.action_pick_up()
        else:
            self.post_message(self.Submitted())

    def reveal(self, grade: Grade) -> None:
        """Marks beside the lines that stand wrong."""
        self._list.held = False
        wrong = grade.chosen
        self._list.show(
            [
                Choice(
                    name,
                    choice.label,
                    choice.key,
                    mark=self._judged(grade, name),
                    mark_tone="bad" if name in wrong else "good",
                )
                for choice in self._list.choices
                for name in [choice.id]
            ]
        )
        self._list.leave()
        self._list.disabled = True

    def _judged(self, grade: Grade, name: str) -> str:
        """The mark of a line; none in an order that nobody gave."""
        if not grade.given:
            return " "
        return self.marks.unmet if name in grade.chosen else self.marks.met


class MatchField(AnswerField):
    """Items, each of which gets one of the lettered partners below."""

    def __init__(self, question: Question, glyphs: Glyphs) -> None:
        super().__init__(question, glyphs)
        self._pairs: dict[str, str] = {}
        self._grade: Grade | None = None

    def compose(self) -> ComposeResult:
        """Items above, partners below."""
        yield ChoiceList(self._items(), click_chooses=False, id="items")
        yield Prose((("quiet", _("partners, by letter:")),), id="partner-words", indent=3)
        yield ChoiceList(self._partners(), undecided=True, id="partners")

    def on_mount(self) -> None:
        """Only the mouse goes to the partners: letters reach them from the items."""
        self.query_one("#partners", ChoiceList).can_focus = False

    def _letter(self, option: str) -> str:
        names = [each.id for each in self.question.options]
        return LETTERS[names.index(option)] if option in names else " "

    def _items(self) -> list[Choice]:
        texts = {option.id: option.text for option in self.question.options}
        choices = []
        for number, (item, text) in enumerate(self.question.items, 1):
            partner = self._pairs.get(item, "")
            mark, tone, note = f"[{self._letter(partner)}]", "accent", ""
            if partner:
                note = f"{self.marks.arrow} {texts[partner]}"
            if self._grade is not None:
                wanted = self.question.pairs[item]
                right = partner == wanted
                mark += " " + (self.marks.met if right else self.marks.unmet)
                tone = "good" if right else "bad"
                if not right:
                    note += "\n" + _("right: {letter}) {text}").format(
                        letter=self._letter(wanted), text=texts[wanted]
                    )
            choices.append(Choice(item, text, str(number), mark=mark, mark_tone=tone, note=note))
        return choices

    def _partners(self) -> list[Choice]:
        taken = set(self._pairs.values())
        return [
            Choice(option.id, option.text, letter, tone="quiet" if option.id in taken else "plain")
            for letter, option in zip(LETTERS, self.question.options, strict=False)
        ]

    def _show(self) -> None:
        self.query_one("#items", ChoiceList).show(self._items())
        self.query_one("#partners", ChoiceList).show(self._partners())

    def text(self) -> str:
        """`item=partner` for every item that has one."""
        return " ".join(f"{item}={partner}" for item, partner in self._pairs.items())

    def put(self, given: Sequence[str]) -> None:
        """The pairs given before."""
        self._pairs = {
            item: partner for item, _equals, partner in (word.partition("=") for word in given)
        }
        self._show()

    def press(self, key: str) -> bool:
        """Give the item under the cursor a partner, and go to the next item without one."""
        if key not in LETTERS[: len(self.question.options)] or self._grade is not None:
            return False
        self._pair(self.question.options[LETTERS.index(key)].id)
        return True

    def _pair(self, option: str) -> None:
        items = self.query_one("#items", ChoiceList)
        if items.current is None:
            return
        self._pairs[items.current.id] = option
        self.touched = True
        open_items = [item for item, _text in self.question.items if item not in self._pairs]
        self._show()
        if open_items:
            items.move_to(open_items[0])

    def on_choice_list_chosen(self, event: ChoiceList.Chosen) -> None:
        """A click on a partner pairs; Enter on an item answers."""
        event.stop()
        if event.widget.id == "partners":
            if self._grade is None:
                self._pair(event.choice.id)
            self.query_one("#items", ChoiceList).focus()
        else:
            self.post_message(self.Submitted())

    def take_focus(self) -> None:
        """The items have the keyboard."""
        self.query_one("#items", ChoiceList).focus(scroll_visible=False)

    def reveal(self, grade: Grade) -> None:
        """Right partners beside wrong ones."""
        self._grade = grade
        self._show()


class LineField(AnswerField):
    """The line of the driver under the cursor."""

    def __init__(self, question: Question, glyphs: Glyphs, view: QuestionView) -> None:
        super().__init__(question, glyphs)
        self._view = view

    def compose(self) -> ComposeResult:
        """The line in words."""
        words = _("Move to the bad line in the driver; ⏎ picks it.")
        words = plain_keys(words) if self.marks.name == "ascii" else words
        yield Prose((("quiet", words),), id="line")

    def show(self, line: int, text: str) -> None:
        """Tell which line would be picked."""
        words = _("line {line}: {text}").format(line=line, text=text)
        self.query_one("#line", Prose).show(("plain", f"{self.marks.pointer} {words}"))

    def text(self) -> str:
        """The line's number; none while the cursor is where it began."""
        line = self._view.picked_line
        return str(line) if line > 1 or self.touched else ""

    def put(self, given: Sequence[str]) -> None:
        """The line picked before."""
        if given and given[0].isdigit():
            self._view.pick_line(int(given[0]))
        self.touched = False

    def press(self, key: str) -> bool:
        """Go to a suspicious line."""
        if key not in LETTERS[: len(self.question.options)]:
            return False
        self._view.pick_line(self.question.options[LETTERS.index(key)].line)
        return True

    def reveal(self, grade: Grade) -> None:
        """Nothing is left to pick."""
        if not grade.given:
            self.query_one("#line", Prose).display = False

    def take_focus(self) -> None:
        """The driver has the keyboard."""
        self._view.focus_driver()
