"""A run of the lab, step by step: the watch screen with variables, stack and findings."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.types import CSSPathType

from kmemquest.i18n import N_, _
from kmemquest.tui.lab_model import LabCase
from kmemquest.tui.lab_source import LabPlay
from kmemquest.tui.model import StepWords
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import bindings
from kmemquest.tui.screens.watch import STEPPING, PlayScreen
from kmemquest.tui.widgets.caption import Rule
from kmemquest.tui.widgets.panes import TablePane
from kmemquest.tui.widgets.prose import Prose

_OWN = (
    Operation(
        "lab-run.findings",
        "f",
        "findings",
        N_("findings"),
        N_("All that went wrong, told by the kernel or not, with rule and places."),
        shown="f",
    ),
    Operation(
        "lab-run.edit",
        "enter",
        "edit",
        N_("edit"),
        N_("Back to the editor, with the cursor on this line."),
        shown="⏎",
    ),
)


class LabRunScreen(PlayScreen):
    """Where the driver stands, what it holds, what the kernel says, and what it does not say."""

    NAME = "lab-run"
    CSS_PATH: ClassVar[CSSPathType | None] = ["watch.tcss", "lab_run.tcss"]
    HELP = "lab-run"
    OPERATIONS = (*STEPPING[:5], *STEPPING[5:7], *_OWN, *STEPPING[7:], BACK)
    BINDINGS = bindings(OPERATIONS)

    def __init__(
        self,
        case: LabCase,
        play: LabPlay,
        before: LabPlay | None,
        edit: Callable[[int | None], None],
    ) -> None:
        super().__init__(case.title, case.machine_words(play.setup), play)
        self.case = case
        self.lab_play = play
        self._before = before
        self._edit = edit
        self._stepped = False

    def more_state(self) -> ComposeResult:
        """Variables and call stack."""
        yield Rule(_("variables"), id="vars-rule")
        yield TablePane(id="vars")
        yield Rule(_("call stack"), id="stack-rule")
        yield TablePane(id="stack")

    def _tell(self, happened: str, bad: bool) -> None:
        """Until the first step is taken, what came of the run stands here."""
        if self._stepped:
            super()._tell(happened, bad)
            return
        tone, words = self.lab_play.outcome_words()
        mark = {"good": self.glyphs.met, "warn": self.glyphs.flag}.get(tone, self.glyphs.unmet)
        more = "" if tone == "good" else "  " + _("(e goes there, f tells all)")
        self.query_one("#told", Prose).show((tone, f"{mark} {words}{more}"))

    def _seek(self, step: int) -> None:
        self._stepped = True
        super()._seek(step)

    def _show_state(self, words: StepWords) -> None:
        wide = self.has_class("-wide")
        variables, frames = self.lab_play.state(self.step, wide=wide)
        callers = " ‹ ".join(words.stack) or f"{words.function}()"
        if self.glyphs.name == "ascii":
            callers = callers.replace("‹", "<")
        context = ("accent", self.lab_play.context(self.step))
        self.query_one("#where", Prose).show(
            *((context,) if wide else (context, ("quiet", callers)))
        )
        self.query_one("#vars", TablePane).show(variables)
        if wide:
            self.query_one("#stack", TablePane).show(frames)

    def action_findings(self) -> None:
        """All that went wrong."""
        from kmemquest.tui.screens.lab_findings import LabFindingsScreen

        self._stop()
        self.app.push_screen(LabFindingsScreen(self.case, self.lab_play, self._before, self._go_to))

    def _go_to(self, step: int) -> None:
        self._seek(step)

    def action_edit(self) -> None:
        """Back to the editor, on this line."""
        line = self.play.words(self.step).line
        self._stop()
        self.app.pop_screen()
        self._edit(line)
