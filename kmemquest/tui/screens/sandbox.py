"""The sandbox: C statements one by one, and the machine beside them."""

from __future__ import annotations

from dataclasses import replace

from textual import on, work
from textual.app import ComposeResult
from textual.events import Key
from textual.message import Message
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from kmemquest.i18n import _, ngettext
from kmemquest.level.sandbox import Refusal, Sandbox
from kmemquest.store import Draft
from kmemquest.tui.lab_choices import polite
from kmemquest.tui.lab_model import LabCase, Setup
from kmemquest.tui.model import StepWords
from kmemquest.tui.operations import GAME, Operation
from kmemquest.tui.sandbox_operations import OPERATIONS
from kmemquest.tui.sandbox_source import SandboxPlay, ground_of
from kmemquest.tui.screens.base import bindings
from kmemquest.tui.screens.watch import STEPPING, PlayScreen
from kmemquest.tui.widgets.caption import Head
from kmemquest.tui.widgets.frame_map import FrameMap
from kmemquest.tui.widgets.log_view import LogView
from kmemquest.tui.widgets.prompt import Prompt
from kmemquest.tui.widgets.prose import Paragraph, Prose
from kmemquest.tui.widgets.source_view import SourceView
from kmemquest.tui.widgets.timeline import Timeline
from kmemquest.tui.widgets.transcript import Transcript

WORDS = ("undo", "redo", "reset", "why", "help", "machine", "lab", "dmesg")
"""What the prompt takes for a wish rather than for C."""
_LETTERS = tuple(op for op in STEPPING if op.id not in ("watch.play", "watch.pane-back"))


class SandboxScreen(PlayScreen):
    """Statements and results to the left, the machine to the right, the prompt below."""

    NAME = "sandbox"
    CSS_PATH = ["watch.tcss", "sandbox.tcss"]  # noqa: RUF012 (Textual's own declaration)
    HELP = "sandbox"
    OPERATIONS = (*OPERATIONS, *_LETTERS)
    BINDINGS = bindings(OPERATIONS)

    class Ran(Message):
        """Statements were run, or one was refused."""

        def __init__(self, play: SandboxPlay, words: str = "", refusal: Refusal | None = None):
            super().__init__()
            self.play = play
            self.words = words
            self.refusal = refusal

    class Read(Message):
        """A file of /proc was read."""

        def __init__(self, name: str, text: str) -> None:
            super().__init__()
            self.name = name
            self.text = text

    def __init__(self, case: LabCase) -> None:
        self.case = case
        self.setup = case.setup
        self.sandbox = Sandbox(ground_of(case, case.setup))
        self._busy = False
        self._typed = ""
        super().__init__(case.title, case.machine_words(case.setup), _empty_play())

    # --- composing ----------------------------------------------------------------------------

    def source_widget(self) -> SourceView:
        """The statements stand where a level has its driver."""
        return Transcript(id="source")

    def below(self) -> ComposeResult:
        """The prompt."""
        yield Prompt(placeholder="p = kmalloc(100, GFP_KERNEL);", id="prompt")

    def key_operations(self) -> tuple[Operation, ...]:
        """Letters are text at the prompt, so help has its own key."""
        shown = [op for op in OPERATIONS if op.shown]
        return (*shown, replace(GAME[0], shown="F1"))

    @property
    def prompt(self) -> Prompt:
        """Where statements are typed."""
        return self.query_one("#prompt", Prompt)

    @property
    def transcript(self) -> Transcript:
        """The statements."""
        return self.query_one("#source", Transcript)

    def on_mount(self) -> None:
        """Boot, and take up what was typed last time."""
        self.query_one("#timeline", Timeline).load(self.play.marks)
        self._show_head()
        # The play screen's own handler comes after this one, and gives the keyboard away.
        self.call_after_refresh(self.prompt.focus)
        self._busy = True
        self._say(_("booting the machine …"))
        draft = self.game.services.store.draft(self._draft)
        texts: list[str] = []
        if draft is not None:
            texts = [line for line in draft.text.split("\x1e") if line]
            self.setup = self.setup.with_words(draft.setup, self.case.machines())
            self.prompt.remember_all(texts)
        self._begin(texts, self.setup)

    @property
    def _draft(self) -> str:
        return f"sandbox:{self.case.level}"

    # --- running ------------------------------------------------------------------------------

    @work(thread=True, exclusive=True, group="sandbox", exit_on_error=False)
    def _begin(self, texts: list[str], setup: Setup) -> None:
        with polite():
            self.sandbox.ground = ground_of(self.case, setup)
            refused = self.sandbox.load(texts)
            play = SandboxPlay(self.sandbox.run)
        words = ""
        if refused:
            words = ngettext(
                "{n} statement does not build here and was left out",
                "{n} statements do not build here and were left out",
                len(refused),
            ).format(n=len(refused))
        self.post_message(self.Ran(play, words))

    @on(Input.Submitted, "#prompt")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_run_line()

    def action_run_line(self) -> None:
        """Run what stands at the prompt."""
        line = self.prompt.value.strip()
        if self._busy or not line:
            return
        self.prompt.remember(line)
        if self._obey(line):
            self.prompt.value = ""
            return
        self._busy = True
        self._typed = line
        self._enter(line)

    @work(thread=True, exclusive=True, group="sandbox", exit_on_error=False)
    def _enter(self, line: str) -> None:
        with polite():
            result = self.sandbox.enter(line)
            play = SandboxPlay(self.sandbox.run)
        if isinstance(result, Refusal):
            self.post_message(self.Ran(play, refusal=result))
            return
        moved = _("the module grew by a page: earlier addresses have moved")
        self.post_message(self.Ran(play, moved if self.sandbox.moved else ""))

    @work(thread=True, exclusive=True, group="sandbox", exit_on_error=False)
    def _rerun(self, words: str) -> None:
        with polite():
            play = SandboxPlay(self.sandbox.run)
        self.post_message(self.Ran(play, words))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A run that broke is told in words; the statements stay as they were."""
        if event.worker.group == "sandbox" and event.state is WorkerState.ERROR:
            self._busy = False
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
        if event.refusal is not None:
            self._refused(event.refusal)
            return
        typed, self._typed = self._typed, ""
        if typed and self.prompt.value.strip() == typed:
            self.prompt.value = ""
        self._take(event.play)
        if event.words:
            self._say(event.words)
        self._keep()

    def _take(self, play: SandboxPlay) -> None:
        """Show another run at its end."""
        self.play = play
        self.step = len(play.marks) - 1
        self.prompt.known = tuple(name for name, _kind, _text in play.run.variables())
        with self.app.batch_update():
            self.transcript.take(play)
            self.query_one("#log", LogView).load(play.log)
            self.query_one("#timeline", Timeline).load(play.marks)
            self._show_head()
            self._show_step()
            self._aim_last()

    def _aim_last(self) -> None:
        """The map shows where the last statement has been."""
        changed = self.play.picture(self.step).frames.changed
        step = self.step
        while not changed and step > 0 and self.play.words(step - 1).line:
            step -= 1
            changed = self.play.picture(step).frames.changed
        spans = self.play.picture(self.step).frames.spans
        if changed or spans:
            start = changed[0][0] if changed else spans[-1].start
            self.query_one("#memory", FrameMap).cursor = start

    def _refused(self, refusal: Refusal) -> None:
        if refusal.column:
            self.prompt.cursor_position = min(refusal.column - 1, len(self.prompt.value))
        text = refusal.message
        if refusal.column:
            text = _("column {column}: {message}").format(column=refusal.column, message=text)
        if refusal.hint:
            text += f" {self.glyphs.arrow} {refusal.hint}"
        self.query_one("#told", Prose).show(("bad", f"{self.glyphs.unmet} {text}"))

    def _say(self, text: str) -> None:
        self.query_one("#told", Prose).show(("accent", text))

    def _keep(self) -> None:
        texts = [statement.text for statement in self.sandbox.statements]
        store = self.game.services.store
        if texts or self.setup != self.case.setup:
            store.save_draft(Draft(self._draft, "\x1e".join(texts), self.setup.words()))
        else:
            store.drop_draft(self._draft)
        self.game.tell_trouble()

    # --- what is shown --------------------------------------------------------------------------

    def _show_head(self) -> None:
        title = _("sandbox")
        if self.case.level:
            title += f" · {self.case.title}"
        self._title, self._machine = title, self.case.machine_words(self.setup)
        self.query_one("#head", Head).show(title, self._machine)

    def _show_step(self) -> None:
        super()._show_step()
        self._show_head()

    def _bring_into_view(self) -> None:
        """The transcript scrolls by itself."""

    def _aim(self) -> None:
        """Nothing has run yet."""

    def _show_state(self, words: StepWords) -> None:
        """The variables at the end of all statements."""
        variables = [f"{name} = {value}" for name, value in words.variables]
        text = "  ".join(reversed(variables))
        if not words.line:
            text = text or _("the machine before the first statement")
        self.query_one("#where", Prose).show(("quiet", text or self.glyphs.dash))

    @on(Input.Changed, "#prompt")
    def _typing(self, event: Input.Changed) -> None:
        """The prototype of the function that is being called, while its call is typed."""
        from kmemquest.level.sandbox_names import open_call, signatures

        event.stop()
        name = open_call(event.value[: self.prompt.cursor_position or len(event.value)])
        prototype = signatures().get(name, "") if name else ""
        if prototype:
            self.query_one("#told", Prose).show(("link", prototype))

    def show_statement(self, number: int) -> None:
        """Go to the end of a statement."""
        for step in range(len(self.play.marks) - 1, -1, -1):
            if self.play.words(step).line == number:
                self._seek(step)
                return

    # --- words and keys -------------------------------------------------------------------------

    def _obey(self, line: str) -> bool:
        """Whether a line was a word of the sandbox rather than C."""
        word, _space, rest = line.rstrip(";").partition(" ")
        rest = rest.strip()
        if word == "cat" and rest.startswith("/proc/"):
            word, rest = rest, ""
        if word.startswith("/proc/"):
            self._busy = True
            self._read_proc(word.removeprefix("/proc/"))
        elif word == "level" and rest:
            self._open_level(rest)
        elif word == "save" and (not rest or rest.replace("-", "").isalnum()):
            self.action_save_level(rest)
        elif rest or word not in (
            "undo",
            "redo",
            "reset",
            "why",
            "help",
            "machine",
            "lab",
            "dmesg",
        ):
            return False
        elif word == "dmesg":
            self._read_log()
        elif word == "help":
            self.game.action_show_help()
        else:
            getattr(self, f"action_{'anew' if word == 'reset' else word}")()
        return True

    @work(thread=True, exclusive=True, group="sandbox", exit_on_error=False)
    def _read_proc(self, name: str) -> None:
        try:
            text = self.sandbox.proc(name)
        except ValueError as error:
            text = str(error)
        self.post_message(self.Read(f"/proc/{name}", text))

    @on(Read)
    def _proc_read(self, event: Read) -> None:
        from kmemquest.tui.screens.sandbox_sheets import FileSheet

        self._busy = False
        self.app.push_screen(FileSheet(event.name, event.text.rstrip("\n").split("\n")))

    def _read_log(self) -> None:
        from kmemquest.tui.screens.sandbox_sheets import FileSheet

        length = self.play.log_length(self.step)
        lines = [row.text for row in self.play.log[:length]]
        self.app.push_screen(FileSheet("dmesg", lines))

    def _open_level(self, name: str) -> None:
        from kmemquest.tui.model import LevelUnavailable

        try:
            desk = self.game.services.library.open(name)
        except LevelUnavailable as error:
            self.notify(str(error), severity="error", timeout=8)
            return
        if desk.brief.sealed and not self.game.services.store.level(desk.brief.id).passed:
            self.notify(_("The driver is shown when you have named what went wrong."), timeout=4)
            return
        last = dict(self.game.services.store.level(desk.brief.id).last_answers)
        self.app.push_screen(SandboxScreen(desk.lab(last)))

    def action_undo(self) -> None:
        """Take the last statement back."""
        if self._busy or not self.sandbox.undo():
            self.notify(_("There is nothing to undo."), timeout=2)
            return
        self._busy = True
        self._rerun(_("undone: {text}").format(text=self.sandbox.undone[0].text))

    def action_redo(self) -> None:
        """Bring it back."""
        if self._busy or not self.sandbox.redo():
            self.notify(_("There is nothing to redo."), timeout=2)
            return
        self._busy = True
        self._rerun("")

    def action_anew(self) -> None:
        """Forget all statements."""
        if not self._busy:
            self._busy = True
            self._begin([], self.setup)

    def action_why(self) -> None:
        """The chain behind the statement that is shown."""
        from kmemquest.tui.screens.sandbox_sheets import WhySheet

        play = self.play
        assert isinstance(play, SandboxPlay)
        number = play.moments[self.step].statement
        if not number:
            self.notify(_("Nothing has run yet."), timeout=3)
            return
        paragraphs: list[Paragraph] = [(said.tone, said.text) for said in play.explain(number)]
        self.app.push_screen(WhySheet(_("why: statement {n}").format(n=number), paragraphs))

    def action_machine(self) -> None:
        """Another machine; the statements are run again on it."""
        from kmemquest.tui.screens.sandbox_sheets import MachineSheet

        def answered(setup: Setup | None) -> None:
            if setup is None or setup == self.setup or self._busy:
                return
            self.setup = setup
            self._busy = True
            self._say(_("booting the machine …"))
            self._begin([statement.text for statement in self.sandbox.statements], setup)

        self.app.push_screen(MachineSheet(self.case, self.setup), answered)

    def action_save_level(self, name: str = "") -> None:
        """Write a level from the statements."""
        from kmemquest.tui.screens.sandbox_sheets import ask_and_save

        ask_and_save(self, self.sandbox, name)

    def action_lab(self) -> None:
        """The generated module, to be changed at will."""
        text = self.sandbox.run.recording.source.text
        script = "insmod\ncall: {function: sandbox}\nrmmod\n"
        setup = replace(self.setup, script=script)
        case = replace(self.case, draft="sandbox-lab", text=text, file="sandbox.c", setup=setup)
        self.game.open_lab(replace(case, slot="", level=""))

    def on_key(self, event: Key) -> None:
        """Enter in a pane goes back to the prompt."""
        if event.key == "enter" and self.focused is not self.prompt:
            event.stop()
            self.prompt.focus()

    def action_back(self) -> None:
        """From the prompt to the transcript; from there away."""
        if self.focused is self.prompt:
            self.transcript.focus()
        else:
            self.app.pop_screen() if len(self.app.screen_stack) > 1 else self.app.exit()


def _empty_play() -> SandboxPlay:
    """What is shown while the machine boots."""
    from kmemquest.kernel.spec import MachineSpec
    from kmemquest.level.picture import EMPTY
    from kmemquest.level.recording import Recording
    from kmemquest.level.sandbox import SandboxRun
    from kmemquest.level.source import DriverSource

    blank = Recording("", (), MachineSpec(), DriverSource("", ()), EMPTY)
    return SandboxPlay(SandboxRun((), blank, (), 1))
