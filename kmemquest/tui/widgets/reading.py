"""What there is to read of a level: the story, the driver, and the files that an incident left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from kmemquest.i18n import _
from kmemquest.tui.model import Artefact, Brief, LogRow, Source
from kmemquest.tui.widgets.caption import Rule, TabLine
from kmemquest.tui.widgets.log_view import LogView
from kmemquest.tui.widgets.prose import Prose
from kmemquest.tui.widgets.source_view import SourceView

DRIVER = "driver"
"""The tab of the driver beside the files that the machine left."""


SHIFT = 16
"""Columns by which a wide file moves."""


class ArtefactView(LogView):
    """A file to read; what is wider than the screen moves with the arrow keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "rows(-1)", show=False),
        Binding("down,j", "rows(1)", show=False),
        Binding("pageup", "rows(-10)", show=False),
        Binding("pagedown", "rows(10)", show=False),
        Binding("left", "columns(-1)", show=False),
        Binding("right", "columns(1)", show=False),
    ]
    HELP = "artefact"
    FOLDS = False

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._column = 0
        self._full: tuple[LogRow, ...] = ()

    def read(self, lines: Sequence[LogRow]) -> None:
        """Show a file from its beginning."""
        self._full = tuple(lines)
        self._column = 0
        self._cut()
        self.scroll_to(y=0, animate=False)

    def _cut(self) -> None:
        self.load([LogRow(line.text[self._column :], line.grave) for line in self._full])
        self.show_until(len(self._full))

    def action_rows(self, by: int) -> None:
        """Scroll at once."""
        self.scroll_to(y=self.scroll_offset.y + by, animate=False)

    def action_columns(self, by: int) -> None:
        """Move a wide file sideways."""
        widest = max((len(line.text) for line in self._full), default=0)
        column = min(max(0, self._column + by * SHIFT), max(0, widest - self.size.width + SHIFT))
        top = self.scroll_offset.y
        if column != self._column:
            self._column = column
            self._cut()
            self.scroll_to(y=top, animate=False)


class Reading(Vertical):
    """Story above, driver or files below. `sealed`: the driver is not to be seen yet."""

    def __init__(self, brief: Brief, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._brief = brief
        self.sealed = brief.sealed
        self._artefacts: tuple[Artefact, ...] = ()
        self._file = "dmesg" if brief.sealed else DRIVER

    def compose(self) -> ComposeResult:
        """Story, tabs (of a diagnosis) or a rule, one text."""
        if self._brief.folded:
            yield Prose((("quiet", _("No lecture here: b tells the story.")),), id="story")
        else:
            yield Prose((("plain", self._brief.story),), more=_("b reads on"), id="story")
        yield Rule("driver.c", id="source-rule")
        yield TabLine(id="files")
        yield SourceView(id="source")
        yield ArtefactView(id="artefact")

    def on_mount(self) -> None:
        """Show the first file."""
        self._show()

    @property
    def source(self) -> SourceView:
        """The driver."""
        return self.query_one("#source", SourceView)

    def place(self, source: Source, slot: str) -> None:
        """Show the driver with the answers written in."""
        self.source.show(source, slot)

    def load(self, artefacts: Sequence[Artefact]) -> None:
        """Show what the machine left."""
        self._artefacts = tuple(artefacts)
        self._show()

    def seal(self, *, sealed: bool) -> None:
        """Keep the driver back, or show it."""
        self.sealed = sealed
        if sealed and self._file == DRIVER and self._brief.sealed:
            self._file = "dmesg"
        self._show()

    def _show(self) -> None:
        log = self.query_one("#artefact", ArtefactView)
        tabs = self.query_one("#files", TabLine)
        diagnosis = self._brief.sealed
        self.source.display = self._file == DRIVER
        log.display = self._file != DRIVER
        tabs.display = diagnosis
        self.query_one("#source-rule").display = not diagnosis
        if not diagnosis:
            return
        names = [artefact.name for artefact in self._artefacts] or ["dmesg"]
        titles = [(name, name if name == "dmesg" else f"/proc/{name}") for name in names]
        if not self.sealed:
            titles.append((DRIVER, "driver.c"))
        tabs.show(titles, self._file)
        for artefact in self._artefacts:
            if artefact.name == self._file:
                log.read(artefact.lines)

    def next_file(self, by: int) -> None:
        """Show the next file."""
        names = [artefact.name for artefact in self._artefacts]
        if not self.sealed:
            names.append(DRIVER)
        if names:
            place = names.index(self._file) if self._file in names else -1
            self._file = names[(place + by) % len(names)]
            self._show()

    def take_focus(self) -> None:
        """The text that is shown takes the keyboard."""
        self.query_one("#source" if self._file == DRIVER else "#artefact").focus()

    @on(TabLine.Picked, "#files")
    def _picked(self, event: TabLine.Picked) -> None:
        event.stop()
        self._file = event.tab
        self._show()
