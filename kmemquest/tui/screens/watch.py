"""Phase 2 of a level: step through the run in both directions and see the machine change."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.timer import Timer
from textual.types import CSSPathType
from textual.widget import Widget

from kmemquest.i18n import N_, _, ngettext
from kmemquest.tui.model import Desk, Play, StepWords
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.widgets.caption import Head, Rule, TabLine
from kmemquest.tui.widgets.frame_map import FrameMap
from kmemquest.tui.widgets.log_view import LogView
from kmemquest.tui.widgets.map_key import MapKey
from kmemquest.tui.widgets.panes import FreeListPane, SlabPane, TablePane, ZonePane
from kmemquest.tui.widgets.prose import Prose
from kmemquest.tui.widgets.source_view import SourceView
from kmemquest.tui.widgets.timeline import Timeline

PANES = (
    ("memory", N_("pages")),
    ("lists", N_("lists")),
    ("slabs", N_("slabs")),
    ("vmalloc", N_("vmalloc")),
    ("zones", N_("zones")),
    ("dma", N_("dma")),
    ("calls", N_("calls")),
)
ALWAYS_WIDE = ("memory", "lists", "slabs")
"""Panes with a place of their own on a wide terminal; the others share the fourth."""
WIDE = (120, 30)
PLAY_SECONDS = 0.35


STEPPING = (
    Operation(
        "watch.forward",
        "right,full_stop,l",
        "step(1)",
        N_("step"),
        N_("Execute the next statement of the driver."),
        shown="←→",
    ),
    Operation(
        "watch.back",
        "left,comma",
        "step(-1)",
        N_("step back"),
        N_("Go back to the statement before."),
    ),
    Operation(
        "watch.next",
        "n,shift+right",
        "jump(1)",
        N_("event"),
        N_("Go to the next step that changed the machine."),
        shown="n",
    ),
    Operation(
        "watch.previous",
        "N,b,shift+left",
        "jump(-1)",
        N_("event before"),
        N_("Go back to the last step that changed the machine."),
    ),
    Operation(
        "watch.play",
        "space",
        "toggle_play",
        N_("play"),
        N_("Play the steps one after the other; any key of this line stops it."),
        shown="␣",
    ),
    Operation(
        "watch.error",
        "e",
        "first_error",
        N_("error"),
        N_("Go to the first step in which something went wrong."),
        shown="e",
    ),
    Operation(
        "watch.why",
        "w",
        "why",
        N_("why"),
        N_("Tell the chain of events behind this step."),
        shown="w",
    ),
    Operation(
        "watch.pane",
        "m",
        "pane(1)",
        N_("pane"),
        N_("Show the next pane: memory, lists, slabs, vmalloc, zones, dma, calls."),
        shown="m",
    ),
    Operation(
        "watch.pane-back",
        "M",
        "pane(-1)",
        N_("pane before"),
        N_("Show the pane before."),
    ),
    Operation("watch.first", "home", "go(0)", N_("first step"), N_("Go to the first step.")),
    Operation("watch.last", "end", "go(-1)", N_("last step"), N_("Go to the last step.")),
)
"""What can be done on every screen that steps through a run."""


_VERDICT = Operation(
    "watch.verdict",
    "v,enter",
    "verdict",
    N_("verdict"),
    N_("See what came of it."),
    shown="v",
)


class PlayScreen(GameScreen):
    """Source, panes, log and timeline at one step of a play."""

    CSS_PATH: ClassVar[CSSPathType | None] = "watch.tcss"

    def __init__(self, title: str, machine: str, play: Play, step: int = 0) -> None:
        super().__init__()
        self.play = play
        self.step = min(max(step, 0), len(play.marks) - 1)
        self._pane = "memory"
        self._timer: Timer | None = None
        self._title = title
        self._machine = machine

    def key_operations(self) -> tuple[Operation, ...]:
        """The back key goes without saying here; seven others matter more."""
        return tuple(
            operation for operation in super().key_operations() if operation.id != "game.back"
        )

    def body(self) -> ComposeResult:
        """All panes exist at once; which are displayed depends on the width."""
        yield Head(id="head")
        with Horizontal(id="stage"):
            with Vertical(id="left"):
                yield self.source_widget()
                yield Prose((), id="where")
                yield from self.more_state()
            with Vertical(id="right"):
                yield TabLine(id="tabs")
                yield Rule(id="zone-rule")
                yield FrameMap(id="memory", classes="pane")
                yield MapKey(id="map-key")
                yield Rule(_("lists"), id="lists-rule", classes="wide-only")
                yield FreeListPane(id="lists", classes="pane")
                yield Rule(_("slabs"), id="slabs-rule", classes="wide-only")
                yield SlabPane(id="slabs", classes="pane")
                yield TabLine(id="more-tabs", classes="wide-only")
                yield TablePane(id="vmalloc", classes="pane")
                yield ZonePane(id="zones", classes="pane")
                yield TablePane(id="dma", classes="pane")
                yield TablePane(id="calls", classes="pane")
                yield Prose((), id="told")
        yield Rule(_("kernel log"), id="log-rule")
        yield LogView(id="log")
        yield Timeline(id="timeline")
        yield from self.below()

    def source_widget(self) -> SourceView:
        """What stands to the left, by the id `source`."""
        return SourceView(id="source")

    def below(self) -> ComposeResult:
        """Widgets below the timeline."""
        yield from ()

    def more_state(self) -> ComposeResult:
        """Widgets below the context, for a screen that shows more of the driver's state."""
        yield from ()

    def on_mount(self) -> None:
        """Show the first step."""
        self.query_one("#source", SourceView).show(self.play.source)
        self.query_one("#log", LogView).load(self.play.log)
        self.query_one("#timeline", Timeline).load(self.play.marks)
        self._arrange()
        self.query_one("#source", SourceView).focus()
        self._aim()
        self._show_step()
        self.call_after_refresh(self._bring_into_view)

    def _bring_into_view(self) -> None:
        """The first step was shown before the source had a size."""
        self.query_one("#source", SourceView).show_line(self.play.words(self.step).line - 1, 2)

    def _aim(self) -> None:
        """Let the map begin where the driver will first take a frame."""
        for step, mark in enumerate(self.play.marks):
            if mark and (changed := self.play.picture(step).frames.changed):
                self.query_one("#memory", FrameMap).cursor = changed[0][0]
                return

    def on_resize(self, event: Resize) -> None:
        """Tabs or side by side."""
        wide = event.size.width >= WIDE[0] and event.size.height >= WIDE[1]
        if self.has_class("-wide") != wide:
            self.set_class(wide, "-wide")
            self._arrange()
            self._show_step()
        else:
            self._arrange()

    # --- panes --------------------------------------------------------------------------------

    def _shown(self) -> tuple[str, ...]:
        """The panes that are displayed."""
        if not self.has_class("-wide"):
            return (self._pane,)
        fourth = self._pane if self._pane not in ALWAYS_WIDE else "zones"
        return (*ALWAYS_WIDE, fourth)

    def _arrange(self) -> None:
        wide = self.has_class("-wide")
        shown = self._shown()
        for name, _title in PANES:
            self.query_one(f"#{name}", Widget).display = name in shown
        for widget in self.query(".wide-only"):
            widget.display = wide
        for name in ("#zone-rule", "#map-key"):
            self.query_one(name).display = "memory" in shown
        titles = [(name, _(title)) for name, title in PANES]
        tabs = self.query_one("#tabs", TabLine)
        more = self.query_one("#more-tabs", TabLine)
        if wide:
            tabs.display = False
            more.show([tab for tab in titles if tab[0] not in ALWAYS_WIDE], shown[-1])
        else:
            tabs.display = True
            tabs.show(titles, self._pane)
        self._fill()

    def action_pane(self, by: int) -> None:
        """Show the next pane of those that share a place."""
        names = [name for name, _title in PANES]
        if self.has_class("-wide"):
            names = [name for name in names if name not in ALWAYS_WIDE]
        place = names.index(self._pane) if self._pane in names else -1
        self._choose_pane(names[(place + by) % len(names)])

    @on(TabLine.Picked)
    def _picked(self, event: TabLine.Picked) -> None:
        self._choose_pane(event.tab)

    def _choose_pane(self, name: str) -> None:
        focused = self.focused
        self._pane = name
        with self.app.batch_update():
            self._arrange()
        if focused is not None and not focused.display:
            self.query_one(f"#{name}", Widget).focus()

    def _fill(self) -> None:
        """Show this step in the panes that can be seen; the others wait until they are."""
        picture = self.play.picture(self.step)
        for name in self._shown():
            match name:
                case "memory":
                    self.query_one("#memory", FrameMap).show(picture.frames)
                case "lists":
                    self.query_one("#lists", FreeListPane).show(picture.lists)
                case "slabs":
                    self.query_one("#slabs", SlabPane).show(picture.slabs)
                case "zones":
                    self.query_one("#zones", ZonePane).show(picture.zones)
                case "vmalloc":
                    self.query_one("#vmalloc", TablePane).show(picture.vmalloc)
                case "dma":
                    self.query_one("#dma", TablePane).show(picture.dma)
                case _:
                    self.query_one("#calls", TablePane).show(picture.calls)

    # --- steps --------------------------------------------------------------------------------

    def _show_step(self) -> None:
        words = self.play.words(self.step)
        mark = self.play.marks[self.step]
        line = words.line - 1
        with self.app.batch_update():
            bad = frozenset({line}) if mark == 2 and line >= 0 else frozenset()
            self.query_one("#source", SourceView).mark(line, bad)
            lines = self.play.source.lines
            statement = lines[line].strip() if 0 <= line < len(lines) else ""
            wide = self.has_class("-wide")
            self.query_one("#head", Head).show(self._title, self._machine if wide else statement)
            self._show_state(words)
            self._tell(words.happened, mark == 2)
            self._fill()
            length = self.play.log_length(self.step)
            before = self.play.log_length(self.step - 1) if self.step else 0
            self.query_one("#log", LogView).show_until(length, length - before)
            self.query_one("#timeline", Timeline).go(self.step)

    def _show_state(self, words: StepWords) -> None:
        """Context and variables."""
        variables = "  ".join(f"{name} = {value}" for name, value in words.variables)
        self.query_one("#where", Prose).show(
            ("accent", words.context), ("plain", variables or self.glyphs.dash)
        )

    def _tell(self, happened: str, bad: bool) -> None:
        text = happened or _("nothing changed in memory")
        tone = "bad" if bad else "glow" if happened else "quiet"
        mark = self.glyphs.unmet if bad else self.glyphs.bullet
        self.query_one("#told", Prose).show((tone, f"{mark} {text}"))

    @on(FrameMap.Viewed)
    def _viewed(self, event: FrameMap.Viewed) -> None:
        title = f"{_('pages')} · {event.zone}" if self.has_class("-wide") else event.zone
        zoom = event.widget.frames_per_cell
        note = ngettext("{n} frame per cell", "{n} frames per cell", zoom).format(n=zoom)
        self.query_one("#zone-rule", Rule).show(title, note)
        self.query_one("#map-key", MapKey).show(event.states)

    @on(FrameMap.Pointed)
    def _pointed(self, event: FrameMap.Pointed) -> None:
        self.query_one("#told", Prose).show(("plain", event.words))

    def _seek(self, step: int) -> None:
        step = min(max(step, 0), len(self.play.marks) - 1)
        if step != self.step:
            self.step = step
            self._show_step()

    def action_go(self, step: int) -> None:
        """Go to a step; negative counts from the end."""
        self._stop()
        self._seek(step if step >= 0 else len(self.play.marks) + step)

    def action_step(self, by: int) -> None:
        """One statement on or back."""
        self._stop()
        self._seek(self.step + by)
        self.game.happened("stepped")

    def action_jump(self, direction: int) -> None:
        """To the nearest step in which something happened."""
        self._stop()
        step = self.step + direction
        while 0 <= step < len(self.play.marks):
            if self.play.marks[step]:
                self._seek(step)
                break
            step += direction
        else:
            self.notify(_("Nothing more happens that way."), timeout=3)
        self.game.happened("jumped")

    def action_first_error(self) -> None:
        """To the first report."""
        self._stop()
        step = self.play.verdict.first_bad_step
        if step is None:
            step = self.play.marks.find(2)
        if step < 0:
            self.notify(_("Nothing went wrong in this run."), timeout=3)
            return
        self._seek(step)

    @on(Timeline.Sought)
    def _sought(self, event: Timeline.Sought) -> None:
        self._stop()
        self._seek(event.step)

    def action_toggle_play(self) -> None:
        """Play, or stop playing."""
        if self._timer is not None:
            self._stop()
            return
        if self.step == len(self.play.marks) - 1:
            self._seek(0)
        self._timer = self.set_interval(PLAY_SECONDS, self._tick)

    def _tick(self) -> None:
        if self.step >= len(self.play.marks) - 1:
            self._stop()
        else:
            self._seek(self.step + 1)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def on_screen_suspend(self) -> None:
        """Nothing runs behind another screen."""
        self._stop()

    # --- on to other screens ----------------------------------------------------------------------

    def action_why(self) -> None:
        """The chain of events on a sheet."""
        from kmemquest.tui.screens.paper import PaperScreen

        self._stop()
        sentences = self.play.why(self.step) or (_("Nothing happened to memory in this step."),)
        words = self.play.words(self.step)
        title = _("why: step {step}, line {line}").format(step=self.step + 1, line=words.line)
        paragraphs = [("plain", f"{self.glyphs.bullet} {sentence}") for sentence in sentences]
        stack = [("quiet", f"  {frame}") for frame in words.stack]
        if stack:
            paragraphs += [("plain", ""), ("quiet", _("called from:")), *stack]
        self.app.push_screen(PaperScreen(title, paragraphs))
        self.game.happened("why")


class WatchScreen(PlayScreen):
    """A level's run, on the way to its verdict."""

    NAME = "watch"
    HELP = "watch"
    OPERATIONS = (*STEPPING[:7], _VERDICT, *STEPPING[7:], BACK)
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, desk: Desk, play: Play, step: int = 0, *, compared: bool = False) -> None:
        brief = desk.brief
        super().__init__(f"{brief.number} {brief.title}".strip(), brief.machine, play, step)
        self.desk = desk
        self._compared = compared

    def action_verdict(self) -> None:
        """On to the verdict, or back to it when this run is only looked at for comparison."""
        self._stop()
        if self._compared:
            self.app.pop_screen()
            return
        from kmemquest.tui.screens.verdict import VerdictScreen

        self.app.push_screen(VerdictScreen(self.desk, self.play))
        self.game.happened("verdict")
