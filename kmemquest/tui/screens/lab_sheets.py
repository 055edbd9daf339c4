"""Small sheets of the lab: the name of a file, and a question with two answers."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from kmemquest.i18n import N_
from kmemquest.tui.operations import Operation, bindings
from kmemquest.tui.widgets.caption import Rule
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.key_line import KeyLine
from kmemquest.tui.widgets.prose import Prose

_CLOSE = Operation(
    "lab-sheet.close", "escape", "cancel", N_("cancel"), N_("Close this sheet."), shown="esc"
)
_TAKE = Operation("lab-sheet.take", "", "take", N_("go on"), N_("Go on with this."), shown="⏎")


class NameScreen(ModalScreen[str | None]):
    """Asks for the name of a file."""

    NAME = "lab-name"
    CSS_PATH = "lab_sheets.tcss"
    OPERATIONS = (_TAKE, _CLOSE)
    BINDINGS = bindings((_CLOSE,))
    AUTO_FOCUS = "#name"

    def __init__(self, title: str, words: str, name: str) -> None:
        super().__init__()
        self._title = title
        self._words = words
        self._name_now = name

    def compose(self) -> ComposeResult:
        """What is asked, the field, keys."""
        with Vertical(id="sheet"):
            yield Rule(self._title)
            yield Prose((("plain", self._words),))
            yield Input(self._name_now, id="name")
            yield KeyLine(self.OPERATIONS)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        self.dismiss(name or None)

    def action_take(self) -> None:
        """The same as Enter in the field."""
        self.dismiss(self.query_one("#name", Input).value.strip() or None)

    def action_cancel(self) -> None:
        """No name."""
        self.dismiss(None)


class ChooseScreen(ModalScreen[str | None]):
    """A question with a few answers."""

    NAME = "lab-choose"
    CSS_PATH = "lab_sheets.tcss"
    OPERATIONS = (_TAKE, _CLOSE)
    BINDINGS = bindings((_CLOSE,))
    AUTO_FOCUS = "#answers"

    def __init__(self, title: str, words: str, answers: Sequence[Choice]) -> None:
        super().__init__()
        self._title = title
        self._words = words
        self._answers = answers

    def compose(self) -> ComposeResult:
        """What is asked, the answers, keys."""
        with Vertical(id="sheet"):
            yield Rule(self._title)
            yield Prose((("plain", self._words),))
            yield ChoiceList(self._answers, id="answers")
            yield KeyLine(self.OPERATIONS)

    @on(ChoiceList.Chosen)
    def _chosen(self, event: ChoiceList.Chosen) -> None:
        self.dismiss(event.choice.id)

    def action_take(self) -> None:
        """Take the answer under the cursor."""
        self.query_one("#answers", ChoiceList).action_choose()

    def action_cancel(self) -> None:
        """No answer."""
        self.dismiss(None)
