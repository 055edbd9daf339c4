"""The driver lab: write C, see what the build says, choose machine and events, run."""

from __future__ import annotations

import threading
from dataclasses import replace

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from kmemquest.i18n import N_, _
from kmemquest.level.trial import RunCancelled
from kmemquest.store import Draft
from kmemquest.tui.lab_choices import changed, polite, problem_choices, setup_choices
from kmemquest.tui.lab_model import (
    LabCase,
    Problem,
    ScriptWrong,
    Setup,
)
from kmemquest.tui.lab_operations import CANCEL, HELP, OPERATIONS
from kmemquest.tui.lab_source import LabPlay, problems_of, read_script, run_case
from kmemquest.tui.operations import Operation
from kmemquest.tui.screens.base import bindings
from kmemquest.tui.screens.lab_files import FileScreen
from kmemquest.tui.widgets.caption import Head, Rule, TabLine
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.code_editor import CodeEditor
from kmemquest.tui.widgets.key_line import KeyLine

PANES = (
    ("problems", N_("problems")),
    ("script", N_("event script")),
    ("setup", N_("machine")),
)
WIDE = (120, 30)
DIAGNOSE_AFTER = 0.35
"""Seconds without a key after which the build looks at the text."""
SAVE_AFTER = 0.5
"""Seconds without a key after which the draft is kept; during steady typing every second."""


class LabScreen(FileScreen):
    """Editor to the left or above; problems, events and machine beside it or below."""

    NAME = "lab"
    CSS_PATH = "lab.tcss"
    HELP = "lab"
    OPERATIONS = OPERATIONS
    BINDINGS = bindings(OPERATIONS)

    class Diagnosed(Message):
        """The build has looked at a version of the text."""

        def __init__(self, version: int, problems: tuple[Problem, ...]) -> None:
            super().__init__()
            self.version = version
            self.problems = problems

    class Ran(Message):
        """A run has ended; None when it was stopped."""

        def __init__(self, play: LabPlay | None) -> None:
            super().__init__()
            self.play = play

    class HandedIn(Message):
        """The text is the answer to a slot of a level."""

        def __init__(self, slot: str, text: str) -> None:
            super().__init__()
            self.slot = slot
            self.text = text

    def __init__(self, case: LabCase) -> None:
        super().__init__(case)
        self.setup = case.setup
        self._pane = "problems"
        self._version = 0
        self._build_problems: tuple[Problem, ...] = ()
        self._script_problem: Problem | None = None
        self._at_problem = -1
        self._diagnose_timer: Timer | None = None
        self._save_timer: Timer | None = None
        self._busy = False
        self._cancelled = threading.Event()
        self._plays: list[LabPlay] = []

    # --- composing ----------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        """Editor and panes; which panes are displayed depends on the width."""
        yield Head(id="head")
        with Horizontal(id="bench"):
            with Vertical(id="writing"):
                yield Rule(self.case.file, id="source-rule")
                yield CodeEditor(self.case.text, id="source")
            with Vertical(id="side"):
                yield TabLine(id="tabs")
                yield Rule(_("problems"), id="problems-rule", classes="wide-only")
                yield ChoiceList((), id="problems")
                yield Rule(_("event script"), id="script-rule", classes="wide-only")
                yield CodeEditor(self.setup.script, colours=False, id="script")
                yield Rule(_("machine"), id="setup-rule", classes="wide-only")
                yield ChoiceList((), id="setup")

    def key_operations(self) -> tuple[Operation, ...]:
        """Handing in is for levels; letters are text here, so help has its own key."""
        shown = [op for op in self.OPERATIONS if op.id != "lab.hand-in" or self.case.slot]
        if not self._plays:
            shown = [op for op in shown if op.id != "lab.last"]
        if self.case.slot:
            shown = [op for op in shown if op.id not in ("lab.open", "lab.save")]
        return (*shown, HELP)

    def on_mount(self) -> None:
        """Take up the draft, if there is one, and let the build look."""
        self._arrange()
        self._show_setup()
        self._show_head()
        self._show_problems()
        self.editor.focus()
        self._offer_draft()
        self._diagnose()

    def on_resize(self, event: Resize) -> None:
        """Tabs or side by side."""
        wide = event.size.width >= WIDE[0] and event.size.height >= WIDE[1]
        self.set_class(wide, "-wide")
        self.editor.indent_width = 8 if wide else 4
        self._arrange()

    def _arrange(self) -> None:
        wide = self.has_class("-wide")
        for name, _title in PANES:
            self.query_one(f"#{name}", Widget).display = wide or name == self._pane
        for widget in self.query(".wide-only"):
            widget.display = wide
        self.query_one("#tabs").display = not wide
        self._show_tabs()

    def _show_tabs(self) -> None:
        count = len(self._problems)
        tabs = [
            (name, f"{_(title)} {count}" if name == "problems" and count else _(title))
            for name, title in PANES
        ]
        self.query_one("#tabs", TabLine).show(tabs, self._pane)

    def _show_head(self) -> None:
        dirty = " *" if self.editor.text != self._saved else ""
        self.query_one("#head", Head).show(
            f"{_('driver lab')} · {self.case.title}{dirty}", self.case.machine_words(self.setup)
        )

    # --- drafts -------------------------------------------------------------------------------

    def _offer_draft(self) -> None:
        draft = self.game.services.store.draft(self.case.draft)
        if draft is None:
            return
        setup = self.setup.with_words(draft.setup, self.case.machines())
        if draft.text == self.case.text:
            self._take_setup(setup)
            return
        if not self.case.path and not self.case.level:
            self._take_draft(draft, setup)
            self.notify(_("Your text of last time is back; ^b begins anew."), timeout=4)
            return
        from kmemquest.tui.screens.lab_sheets import ChooseScreen

        def answered(answer: str | None) -> None:
            if answer == "old":
                self.game.services.store.drop_draft(self.case.draft)
            else:
                self._take_draft(draft, setup)

        self.app.push_screen(
            ChooseScreen(
                _("unsaved text"),
                _("There is text of {title} that was never saved.").format(title=self.case.title),
                (
                    Choice("draft", _("Go on with the unsaved text")),
                    Choice("old", _("Drop it, and begin with the text as it was")),
                ),
            ),
            answered,
        )

    def _take_draft(self, draft: Draft, setup: Setup) -> None:
        self.editor.replace_all(draft.text)
        self._take_setup(setup)

    def _take_setup(self, setup: Setup) -> None:
        self.setup = setup
        script = self.query_one("#script", CodeEditor)
        if script.text != setup.script:
            script.load_text(setup.script)
        self._show_setup()
        self._show_head()

    def _keep_draft(self) -> None:
        """Write the draft down; without changes there is none."""
        self._save_timer = None
        store = self.game.services.store
        text = self.editor.text
        if text == self._saved and self.setup == self.case.setup:
            store.drop_draft(self.case.draft)
        else:
            store.save_draft(Draft(self.case.draft, text, self.setup.words()))
        self.game.tell_trouble()

    def on_unmount(self) -> None:
        """Leaving loses nothing, and stops what runs."""
        self._cancelled.set()

    def on_screen_suspend(self) -> None:
        """Another screen comes before this one: keep what was typed."""
        if self._save_timer is not None:
            self._save_timer.stop()
            self._keep_draft()

    # --- typing -------------------------------------------------------------------------------

    @on(CodeEditor.Changed, "#source")
    def _typed(self) -> None:
        self._version += 1
        self._show_head()
        self._changed()
        if self._diagnose_timer is not None:
            self._diagnose_timer.stop()
        self._diagnose_timer = self.set_timer(DIAGNOSE_AFTER, self._diagnose)

    @on(CodeEditor.Changed, "#script")
    def _script_typed(self) -> None:
        self.setup = replace(self.setup, script=self.query_one("#script", CodeEditor).text)
        self._check_script()
        self._changed()

    def _changed(self) -> None:
        """Something is not in the draft yet."""
        if self._save_timer is None:
            self._save_timer = self.set_timer(SAVE_AFTER, self._keep_draft)

    @on(CodeEditor.SelectionChanged, "#source")
    def _moved(self) -> None:
        row, column = self.editor.cursor_location
        note = _("line {line}, column {column}").format(line=row + 1, column=column + 1)
        self.query_one("#source-rule", Rule).show(self.case.file, note)

    # --- problems -----------------------------------------------------------------------------

    @property
    def _problems(self) -> tuple[Problem, ...]:
        own = (self._script_problem,) if self._script_problem is not None else ()
        return (*self._build_problems, *own)

    def _check_script(self) -> None:
        before = self._script_problem
        try:
            read_script(self.setup.script)
            self._script_problem = None
        except ScriptWrong as wrong:
            self._script_problem = wrong.problem
        if before != self._script_problem:
            self._show_problems()

    def _diagnose(self) -> None:
        self._diagnose_timer = None
        if not self._busy:
            self._look(self._version, self.editor.text)

    @work(thread=True, exclusive=True, group="diagnose", exit_on_error=False)
    def _look(self, version: int, text: str) -> None:
        if version != self._version:
            return
        with polite():
            problems = problems_of(text, self.case.file, builtin=self.case.builtin)
        self.post_message(self.Diagnosed(version, problems))

    @on(Diagnosed)
    def _diagnosed(self, event: Diagnosed) -> None:
        if event.version == self._version:
            self._build_problems = event.problems
            self._show_problems()

    def _show_problems(self) -> None:
        marks: dict[int, str] = {}
        for problem in self._build_problems:
            if problem.line and marks.get(problem.line - 1) != "error":
                marks[problem.line - 1] = problem.severity
        self.editor.mark({row: kind for row, kind in marks.items() if kind != "note"})
        script = self._script_problem
        self.query_one("#script", CodeEditor).mark({script.line - 1: "error"} if script else {})
        pane = self.query_one("#problems", ChoiceList)
        current = pane.current
        pane.show(
            problem_choices(self._problems, self.glyphs),
            current.id if current is not None else None,
        )
        self._show_tabs()

    @on(ChoiceList.Chosen, "#problems")
    def _problem_chosen(self, event: ChoiceList.Chosen) -> None:
        self._go_to_problem(int(event.choice.id))

    def action_next_problem(self) -> None:
        """Go round the problems."""
        if not self._problems:
            self.notify(_("The build has nothing to complain about."), timeout=3)
            return
        self._go_to_problem((self._at_problem + 1) % len(self._problems))

    def _go_to_problem(self, number: int) -> None:
        self._at_problem = number
        problem = self._problems[number]
        name = problem.where
        if name == "script":
            self._choose_pane("script")
        editor = self.query_one(f"#{name}", CodeEditor)
        editor.focus()
        editor.go(problem.line, problem.column)
        self.query_one("#problems", ChoiceList).move_to(str(number))

    # --- machine ------------------------------------------------------------------------------

    def _show_setup(self) -> None:
        pane = self.query_one("#setup", ChoiceList)
        rows = setup_choices(self.case, self.setup)
        current = pane.current
        pane.show(rows, current.id if current is not None else None)

    def on_key(self, event: object) -> None:
        """Arrow keys change the row of the machine pane."""
        key = getattr(event, "key", "")
        if key in ("left", "right") and self.focused is self.query_one("#setup"):
            self._change(1 if key == "right" else -1)

    @on(ChoiceList.Chosen, "#setup")
    def _setup_chosen(self) -> None:
        self._change(1)

    def _change(self, by: int) -> None:
        row = self.query_one("#setup", ChoiceList).current
        if row is None:
            return
        self.setup = changed(self.case, self.setup, row.id, by)
        self._show_setup()
        self._show_head()
        self._changed()

    # --- panes --------------------------------------------------------------------------------

    def action_pane(self) -> None:
        """Go round: editor, problems, script, machine."""
        names = ["source", *(name for name, _title in PANES)]
        here = self.focused.id if self.focused is not None else "source"
        place = names.index(here) + 1 if here in names else 0
        name = names[place % len(names)]
        if name == "source":
            self.editor.focus()
        else:
            self._choose_pane(name)

    @on(TabLine.Picked)
    def _picked(self, event: TabLine.Picked) -> None:
        self._choose_pane(event.tab)

    def _choose_pane(self, name: str) -> None:
        self._pane = name
        with self.app.batch_update():
            self._arrange()
        self.query_one(f"#{name}", Widget).focus()

    # --- running ------------------------------------------------------------------------------

    def action_run(self) -> None:
        """Run in a worker; Escape stops it."""
        if self._busy:
            return
        self._check_script()
        if self._script_problem is not None:
            self._go_to_problem(len(self._problems) - 1)
            self.notify(self._script_problem.message, severity="warning", timeout=5)
            return
        self._busy = True
        self._cancelled = threading.Event()
        self.query_one("#keys", KeyLine).show((CANCEL,))
        self.query_one("#source-rule", Rule).show(
            self.case.file, _("building and running …  Esc stops it")
        )
        self._run(self.editor.text, self.setup, self._cancelled)

    @work(thread=True, exclusive=True, group="run", exit_on_error=False)
    def _run(self, text: str, setup: Setup, cancelled: threading.Event) -> None:
        try:
            with polite():
                play = run_case(self.case, text, setup, cancelled.is_set)
            self.post_message(self.Ran(play))
        except RunCancelled:
            self.post_message(self.Ran(None))

    def action_cancel_run(self) -> None:
        """Stop the run."""
        self._cancelled.set()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A build or run that broke is told in words; the text stays as it was."""
        if event.state is WorkerState.ERROR:
            if event.worker.group == "run":
                self._rest()
            self.notify(
                _("The simulator failed: {error}. Please report it.").format(
                    error=repr(event.worker.error)
                ),
                severity="error",
                timeout=15,
            )

    def _rest(self) -> None:
        self._busy = False
        self.query_one("#keys", KeyLine).show(self.key_operations())
        self._moved()

    @on(Ran)
    def _ran(self, event: Ran) -> None:
        self._rest()
        play = event.play
        if play is None:
            self.notify(_("Stopped; the text is as it was."), timeout=3)
            return
        if not play.compiled:
            self._look(self._version, self.editor.text)
            self._choose_pane("problems")
            self.notify(_("It does not compile."), severity="warning", timeout=4)
            return
        self._plays = [*self._plays[-1:], play]
        if not play.marks:
            self.notify(_("No statement of the driver ran."), timeout=4)
            return
        self.action_last_run()

    def action_last_run(self) -> None:
        """The run's own screen."""
        if not self._plays or not self._plays[-1].marks:
            self.notify(_("Nothing has run yet: ^r runs."), timeout=3)
            return
        from kmemquest.tui.screens.lab_run import LabRunScreen

        before = self._plays[0] if len(self._plays) > 1 else None

        def edit(line: int | None) -> None:
            if line:
                self.editor.go(line)
            self.editor.focus()

        self.app.push_screen(LabRunScreen(self.case, self._plays[-1], before, edit))

    def action_anew(self) -> None:
        """The text of the beginning."""
        self.editor.replace_all(self.case.text)

    # --- leaving ------------------------------------------------------------------------------

    def action_hand_in(self) -> None:
        """Give the text to the level below."""
        if not self.case.slot:
            self.notify(_("This lab belongs to no level."), timeout=3)
            return
        self._keep_draft()
        below = self.app.screen_stack[-2]
        below.post_message(self.HandedIn(self.case.slot, self.editor.text))
        self.app.pop_screen()

    def action_back(self) -> None:
        """Stop the run; from a pane to the editor; from the editor away."""
        if self._busy:
            self.action_cancel_run()
        elif self.focused is not self.editor:
            self.editor.focus()
        else:
            self._keep_draft()
            self.app.pop_screen() if len(self.app.screen_stack) > 1 else self.app.exit()
