"""What went wrong in a run of the lab: every misdeed, the run before, the fault sweep."""

from __future__ import annotations

from collections.abc import Callable

from textual import on, work
from textual.app import ComposeResult
from textual.events import Resize
from textual.message import Message
from textual.widget import Widget

from kmemquest.i18n import N_, _, ngettext
from kmemquest.level.explanation import Explanation
from kmemquest.level.findings import Misdeed
from kmemquest.level.goals_run import context_word
from kmemquest.tui.lab_model import LabCase, Sweep
from kmemquest.tui.lab_source import LabPlay
from kmemquest.tui.model import Table, TableRow
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.widgets.caption import Head, Rule, TabLine
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.panes import TablePane
from kmemquest.tui.widgets.prose import Prose

TALL = 36
"""Rows from which all panes are shown at once."""


class LabFindingsScreen(GameScreen):
    """Findings in the order of happening: the first is the first bad step."""

    NAME = "lab-findings"
    CSS_PATH = "lab_findings.tcss"
    HELP = "lab-findings"
    OPERATIONS = (
        Operation(
            "lab-findings.go",
            "",
            "go",
            N_("go there"),
            N_("Show the step in which it happened."),
            shown="⏎",
        ),
        Operation(
            "lab-findings.sweep",
            "s",
            "sweep",
            N_("fault sweep"),
            N_("Fail each allocation in turn and see what the driver does."),
            shown="s",
        ),
        Operation(
            "lab-findings.pane",
            "m,tab",
            "pane",
            N_("pane"),
            N_("Show the next pane: what went wrong, the fault sweep, the run before."),
            shown="m",
        ),
        BACK,
    )
    BINDINGS = bindings(OPERATIONS)

    class Swept(Message):
        """The fault sweep is done."""

        def __init__(self, sweep: Sweep) -> None:
            super().__init__()
            self.sweep = sweep

    def __init__(
        self,
        case: LabCase,
        play: LabPlay,
        before: LabPlay | None,
        go_to: Callable[[int], None],
    ) -> None:
        super().__init__()
        self.case = case
        self.play = play
        self._before = before
        self._go_to = go_to
        self._sweeping = False
        self._pane = "findings"

    def body(self) -> ComposeResult:
        """Words, findings, figures, sweep."""
        yield Head(_("findings"), self.case.title)
        yield Prose((), id="words")
        yield TabLine(id="tabs")
        yield Rule(_("what went wrong, in order"), id="findings-rule")
        yield ChoiceList((), id="findings")
        yield Rule(_("this run and the run before"), id="compared-rule")
        yield TablePane(id="compared")
        yield Rule(_("fault sweep"), id="sweep-rule")
        yield ChoiceList((), id="sweep")

    def on_mount(self) -> None:
        """Show all of it."""
        tone, words = self.play.outcome_words()
        self.query_one("#words", Prose).show((tone, words))
        findings = self.query_one("#findings", ChoiceList)
        findings.show([self._choice(number, found) for number, found in self._numbered()])
        findings.focus()
        self.query_one("#compared", TablePane).show(self._figures())
        self._arrange()
        self.query_one("#sweep", ChoiceList).show(
            [Choice("", " " + _("Press s to fail each allocation in turn."), tone="quiet")]
        )

    def on_resize(self, event: Resize) -> None:
        """Tabs, or all at once."""
        self.set_class(event.size.height >= TALL, "-tall")
        self._arrange()

    def _arrange(self) -> None:
        tall = self.has_class("-tall")
        panes = {"findings": _("what went wrong"), "sweep": _("fault sweep")}
        if self._before is not None:
            panes["compared"] = _("the run before")
        for name in ("findings", "sweep", "compared"):
            shown = name in panes and (tall or name == self._pane)
            self.query_one(f"#{name}", Widget).display = shown
            self.query_one(f"#{name}-rule").display = shown and (tall or name == "sweep")
        tabs = self.query_one("#tabs", TabLine)
        tabs.display = not tall
        tabs.show(tuple(panes.items()), self._pane)

    def action_pane(self) -> None:
        """The next pane."""
        tabs = self.query_one("#tabs", TabLine).tabs
        self._choose_pane(tabs[(tabs.index(self._pane) + 1) % len(tabs)])

    @on(TabLine.Picked)
    def _picked(self, event: TabLine.Picked) -> None:
        self._choose_pane(event.tab)

    def _choose_pane(self, name: str) -> None:
        self._pane = name
        self._arrange()
        self.query_one(f"#{name}", Widget).focus()

    def _numbered(self) -> list[tuple[int, Misdeed]]:
        return list(enumerate(self.play.findings))

    def _choice(self, number: int, found: Misdeed) -> Choice:
        words = found.words
        lines = self.play.source.lines
        code = lines[words.line - 1].strip() if 0 < words.line <= len(lines) else ""
        told = _("the kernel said so") if found.spoken else _("the kernel said nothing")
        place = _("line {line}").format(line=words.line) if words.line else _("kernel")
        if words.context:
            place += _(" in {context}").format(context=context_word(words.context))
        times = f" × {found.times}" if found.times > 1 else ""
        if self.glyphs.name == "ascii":
            times = times.replace("×", "x")
        parts = [code, words.headline, words.detail, *_other_sites(words)]
        parts.append(_("Rule: {rule}").format(rule=words.rule))
        if not found.spoken:
            parts.append(words.silently)
        parts.append(_("Fix: {fix}").format(fix=words.fix))
        parts.append(_("Read: {page}").format(page=words.page))
        return Choice(
            str(number),
            f"{place}: {words.name}{times}",
            tail=told,
            note="\n".join(part for part in parts if part),
            mark=self.glyphs.unmet,
            mark_tone="bad",
        )

    def _figures(self) -> Table:
        """The figures of both runs, side by side."""
        now = self.play.figures
        before = dict(self._before.figures) if self._before is not None else {}
        rows = []
        for name, value in now:
            old = before.get(name)
            cells = (name, f"{value:,}", "" if old is None else f"{old:,}")
            rows.append(TableRow(cells, "glow" if old is not None and old != value else "plain"))
        headings = (_("figure"), _("this run"), _("the run before") if before else "")
        return Table(headings, tuple(rows))

    @on(ChoiceList.Chosen, "#findings")
    def _chosen(self, event: ChoiceList.Chosen) -> None:
        step = self.play.findings[int(event.choice.id)].step
        if step is None:
            self.notify(_("It happened outside of the driver's statements."), timeout=3)
            return
        self.app.pop_screen()
        self._go_to(step)

    def action_go(self) -> None:
        """To the finding under the cursor."""
        self.query_one("#findings", ChoiceList).action_choose()

    # --- fault sweep --------------------------------------------------------------------------

    def action_sweep(self) -> None:
        """Run it in a worker."""
        self._choose_pane("sweep")
        if self._sweeping:
            return
        self._sweeping = True
        self.query_one("#sweep", ChoiceList).show(
            [Choice("", " " + _("failing each allocation in turn …"), tone="quiet")]
        )
        self._sweep()

    @work(thread=True, exclusive=True, group="sweep", exit_on_error=False)
    def _sweep(self) -> None:
        from kmemquest.tui.lab_sweep import sweep_case

        text = self.play.recording.source.text
        self.post_message(self.Swept(sweep_case(self.case, text, self.play.setup)))

    @on(Swept)
    def _swept(self, event: Swept) -> None:
        self._sweeping = False
        sweep = event.sweep
        choices = [
            Choice(
                f"sweep-{row.number}",
                f"{row.number}. {row.call}: {row.result}",
                tail=_("line {line}").format(line=row.line) + f" · {row.context}",
                note=row.notes,
                mark=self.glyphs.met if row.survived else self.glyphs.unmet,
                mark_tone="good" if row.survived else "bad",
            )
            for row in sweep.rows
        ]
        if sweep.survives:
            words = _("survives all")
        elif all(row.survived for row in sweep.rows):
            words = _("wrong even without a failure")
        else:
            words = _("does not survive all")
        note = ngettext("{n} allocation", "{n} allocations", sweep.points).format(n=sweep.points)
        self.query_one("#sweep-rule", Rule).show(_("fault sweep"), f"{note} · {words}")
        table = self.query_one("#sweep", ChoiceList)
        table.show(choices or [Choice("", " " + _("The driver allocates nothing."), tone="quiet")])
        table.focus()


def _other_sites(words: Explanation) -> list[str]:
    """The lines that belong to a misdeed, without the one that heads it."""
    return [site.text for site in words.sites if site.role != "misused" or site.line != words.line]
