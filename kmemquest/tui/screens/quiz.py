"""One question per screen, answered by key, explained at once."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.events import Key

from kmemquest.i18n import N_, _
from kmemquest.store import QuizAnswer
from kmemquest.tui.model import QuizItem
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.widgets.caption import Head, Rule
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.prose import Paragraph, Prose

LETTERS = "abcdefgh"


class QuizScreen(GameScreen):
    """A round of questions in practice mode."""

    NAME = "quiz"
    CSS_PATH = "quiz.tcss"
    HELP = "quiz"
    OPERATIONS = (
        Operation(
            "quiz.answer",
            "enter",
            "submit",
            N_("answer / next"),
            N_("Give the answer under the cursor; afterwards go to the next question."),
            shown="⏎",
        ),
        Operation(
            "quiz.mark",
            "space",
            "tick",
            N_("tick"),
            N_("Tick an option where several are right."),
            shown="␣",
        ),
        Operation(
            "quiz.skip",
            "n",
            "skip",
            N_("skip"),
            N_("Leave this question and go on; it is not counted."),
            shown="n",
        ),
        BACK,
    )
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, items: Sequence[QuizItem]) -> None:
        super().__init__()
        self._items = tuple(items)
        self._place = 0
        self._ticked: set[str] = set()
        self._given: tuple[str, ...] | None = None
        self.right = 0
        self.answered = 0

    @property
    def item(self) -> QuizItem:
        """The question on the screen."""
        return self._items[self._place]

    def body(self) -> ComposeResult:
        """Question, options or a field, explanation."""
        yield Head(id="head")
        with VerticalScroll(id="page", can_focus=False):
            yield Prose((), id="prompt")
            yield ChoiceList((), click_chooses=True, id="options")
            yield Prose((), id="typed-words")
            yield Rule("", id="explanation-rule")
            yield Prose((), id="explanation")

    def on_mount(self) -> None:
        """The first question."""
        self._ask()

    # --- asking -------------------------------------------------------------------------------

    def _ask(self) -> None:
        self._ticked = set()
        self._given = None
        item = self.item
        self.query_one("#prompt", Prose).show(("plain", ""), ("strong", item.prompt), ("plain", ""))
        options = self.query_one("#options", ChoiceList)
        options.display = bool(item.options)
        options.show(self._choices())
        options.action_edge(-1)
        self._show_field(not item.options)
        self.query_one("#explanation-rule").display = False
        self.query_one("#explanation", Prose).show()
        self._show_head()
        if item.options:
            options.focus()
        self.query_one("#page", VerticalScroll).scroll_home(animate=False)

    def _show_field(self, wanted: bool) -> None:
        """A field for numbers exists only while one is asked for."""
        for field in self.query("#field"):
            field.remove()
        if wanted:
            from textual.widgets import Input

            field = Input(placeholder=_("a number, such as 4096 or 0x1000"), id="number")
            holder = self.query_one("#page", VerticalScroll)
            for old in self.query("#number"):
                old.remove()
            holder.mount(field, after="#prompt")
            field.focus()
        else:
            for old in self.query("#number"):
                old.remove()

    def _show_head(self) -> None:
        item = self.item
        number = _("question {number} of {count}").format(
            number=self._place + 1, count=len(self._items)
        )
        score = _("{right}/{answered} right").format(right=self.right, answered=self.answered)
        dots = self.glyphs.bullet * item.difficulty
        self.query_one("#head", Head).show(f"{number}  {dots}", score)

    def _choices(self) -> list[Choice]:
        item = self.item
        choices = []
        for letter, option in zip(LETTERS, item.options, strict=False):
            mark, tone, note = "", "plain", ""
            if self._given is not None:
                given = option.id in self._given
                mark = self.glyphs.met if option.correct else self.glyphs.unmet if given else " "
                tone = "good" if option.correct else "bad"
                if given or option.correct or option.feedback:
                    note = option.feedback
            elif item.kind == "multiple":
                mark = "[x]" if option.id in self._ticked else "[ ]"
            choices.append(
                Choice(option.id, option.text, letter, mark=mark, mark_tone=tone, note=note)
            )
        return choices

    # --- answering ----------------------------------------------------------------------------

    def on_key(self, event: Key) -> None:
        """A letter (or digit) goes to its option."""
        if not self.item.options or not event.character:
            return
        key = event.character
        if key.isdigit() and 0 < int(key) <= len(LETTERS):
            key = LETTERS[int(key) - 1]
        if key in LETTERS[: len(self.item.options)]:
            event.stop()
            if self._given is not None:
                return
            self.query_one("#options", ChoiceList).press(key)
            if self.item.kind == "multiple":
                self.action_tick()

    def action_tick(self) -> None:
        """Tick or untick."""
        options = self.query_one("#options", ChoiceList)
        if self.item.kind != "multiple" or self._given is not None or options.current is None:
            return
        self._ticked ^= {options.current.id}
        options.show(self._choices())

    @on(ChoiceList.Chosen, "#options")
    def _chosen(self) -> None:
        if self.item.kind == "multiple" and not self._ticked and self._given is None:
            self.action_tick()
            return
        self.action_submit()

    def on_input_submitted(self) -> None:
        """Enter in the field answers."""
        self.action_submit()

    def action_submit(self) -> None:
        """Grade, save, explain; or go on when that is done."""
        if self._given is not None:
            self._go_on()
            return
        given = self._answer()
        if not given:
            self.notify(_("Choose an answer first."), timeout=3)
            return
        item = self.item
        try:
            correct = self.game.services.trainer.grade(item, given)
        except ValueError as error:
            self.notify(str(error), severity="warning", timeout=5)
            return
        self._given = given
        self.answered += 1
        self.right += correct
        store = self.game.services.store
        store.record_quiz(QuizAnswer(item.id, item.topic, given, correct))
        self.game.tell_trouble()
        self._explain(correct)

    def _answer(self) -> tuple[str, ...]:
        item = self.item
        if not item.options:
            field = self.query("#number")
            return (str(getattr(field.first(), "value", "")).strip(),) if field else ()
        if item.kind == "multiple":
            return tuple(option.id for option in item.options if option.id in self._ticked)
        current = self.query_one("#options", ChoiceList).current
        return (current.id,) if current is not None else ()

    def _explain(self, correct: bool) -> None:
        item = self.item
        words: list[Paragraph] = []
        mark = self.glyphs.met if correct else self.glyphs.unmet
        words.append(
            ("good" if correct else "bad", f"{mark} " + (_("Right.") if correct else _("Not so.")))
        )
        if not item.options and item.answers:
            words.append(("plain", _("The answer: {answer}").format(answer=item.answers[0])))
        words += [("plain", text) for text in item.explanation.strip().split("\n") if text.strip()]
        if item.source:
            words.append(("quiet", _("Source:") + f" {item.source}"))
        rule = self.query_one("#explanation-rule", Rule)
        rule.display = True
        rule.show(_("why"))
        self.query_one("#explanation", Prose).show(*words)
        self.query_one("#options", ChoiceList).show(self._choices())
        self._show_head()

    def action_skip(self) -> None:
        """On without an answer."""
        self._go_on()

    def _go_on(self) -> None:
        if self._place + 1 < len(self._items):
            self._place += 1
            self._ask()
            return
        score = _("{right} of {answered} right").format(right=self.right, answered=self.answered)
        self.app.pop_screen()
        self.game.notify(score, title=_("Round finished"), timeout=8)
