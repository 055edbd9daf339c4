"""Sheets of the sandbox: which machine, a file to read, the name of the level to write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen

from kmemquest.i18n import N_, _
from kmemquest.tui.lab_choices import changed, setup_choices
from kmemquest.tui.lab_model import LabCase, Setup
from kmemquest.tui.model import LogRow
from kmemquest.tui.operations import Operation, bindings
from kmemquest.tui.screens.paper import PaperScreen
from kmemquest.tui.widgets.caption import Rule
from kmemquest.tui.widgets.choice_list import ChoiceList
from kmemquest.tui.widgets.key_line import KeyLine
from kmemquest.tui.widgets.reading import ArtefactView

if TYPE_CHECKING:
    from kmemquest.level.sandbox import Sandbox
    from kmemquest.tui.screens.base import GameScreen

_CANCEL = Operation(
    "sheet.cancel", "escape,q", "cancel", N_("cancel"), N_("Close this sheet."), shown="esc"
)
_CLOSE = Operation(
    "sheet.close", "escape,q,enter", "cancel", N_("close"), N_("Close this sheet."), shown="⏎"
)
_SIDEWAYS = Operation(
    "sheet.sideways",
    "",
    "nothing",
    N_("sideways"),
    N_("Move what is wider than the sheet."),
    shown="←→",
    palette=False,
)
_TAKE = Operation("sheet.take", "", "take", N_("this machine"), N_("Boot this machine."), shown="⏎")
_CHANGE = Operation(
    "sheet.change",
    "",
    "turn(1)",
    N_("change"),
    N_("Change the row under the cursor."),
    shown="←→",
)


class MachineSheet(ModalScreen[Setup | None]):
    """Checkers, memory and history, changed by the arrow keys."""

    NAME = "sandbox-machine"
    CSS_PATH = "sandbox.tcss"
    OPERATIONS = (_CHANGE, _TAKE, _CANCEL)
    BINDINGS = bindings((_CANCEL,))
    AUTO_FOCUS = "#rows"

    def __init__(self, case: LabCase, setup: Setup) -> None:
        super().__init__()
        self._case = case
        self._setup = setup

    def compose(self) -> ComposeResult:
        """Rows and keys."""
        with Vertical(id="sheet"):
            yield Rule(_("machine"))
            yield ChoiceList(setup_choices(self._case, self._setup), click_chooses=False, id="rows")
            yield KeyLine(self.OPERATIONS)

    def on_key(self, event: Key) -> None:
        """Arrow keys change the row."""
        if event.key in ("left", "right"):
            event.stop()
            self.action_turn(1 if event.key == "right" else -1)

    def action_turn(self, by: int) -> None:
        """The next value of the row under the cursor."""
        rows = self.query_one("#rows", ChoiceList)
        if rows.current is not None:
            self._setup = changed(self._case, self._setup, rows.current.id, by)
            rows.show(setup_choices(self._case, self._setup), rows.current.id)

    @on(ChoiceList.Chosen)
    def _chosen(self) -> None:
        self.action_take()

    def action_take(self) -> None:
        """Boot the machine that is shown."""
        self.dismiss(self._setup)

    def action_cancel(self) -> None:
        """None."""
        self.dismiss(None)


class FileSheet(ModalScreen[None]):
    """A file as the kernel prints it."""

    NAME = "sandbox-file"
    CSS_PATH = "sandbox.tcss"
    OPERATIONS = (_SIDEWAYS, _CLOSE)
    BINDINGS = bindings((_CLOSE,))
    AUTO_FOCUS = "#text"

    def __init__(self, name: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._file = name
        self._lines = tuple(LogRow(line) for line in lines)

    def compose(self) -> ComposeResult:
        """Name, text, keys."""
        with Vertical(id="sheet"):
            yield Rule(self._file)
            yield ArtefactView(id="text")
            yield KeyLine(self.OPERATIONS)

    def on_mount(self) -> None:
        """Show it from its beginning."""
        self.query_one("#text", ArtefactView).read(self._lines)

    def action_cancel(self) -> None:
        """Put it away."""
        self.dismiss(None)


class WhySheet(PaperScreen):
    """The chain behind a failure: long, and with tables, so it takes what room there is."""

    NAME = "sandbox-why"
    CSS_PATH = "sandbox.tcss"


def ask_and_save(screen: GameScreen, sandbox: Sandbox, name: str) -> None:
    """Ask for the level's id where none was given, then write it into the folder of the moment."""
    from kmemquest.level.sandbox_save import write_level
    from kmemquest.level.template import CannotWrite
    from kmemquest.tui.screens.lab_sheets import NameScreen

    def answered(given: str | None) -> None:
        if not given:
            return
        try:
            files = write_level(sandbox, given, Path.cwd())
        except CannotWrite as error:
            screen.notify(str(error), severity="error", timeout=10)
            return
        screen.notify(
            _("Written: {file}. Mend the lines marked EDIT, then: kmemquest check {file}").format(
                file=files[0].name
            ),
            timeout=10,
        )

    if name:
        answered(name)
        return
    words = _("The id of the new level: lower-case words joined by hyphens. It comes into {f}")
    screen.app.push_screen(
        NameScreen(_("save as a level"), words.format(f=Path.cwd()), "my-level"), answered
    )
