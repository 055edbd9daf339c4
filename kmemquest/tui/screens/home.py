"""Home: the title, and everything the game offers, one key each."""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Center

from kmemquest.i18n import N_, _, ngettext
from kmemquest.tui.operations import Operation
from kmemquest.tui.review_source import due_at_a_glance
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.prose import Prose
from kmemquest.tui.widgets.title_art import TitleArt

_LEAVE = Operation(
    "home.quit",
    "q,escape",
    "app.leave",
    N_("leave"),
    N_("Leave the game; everything is saved already."),
    shown="q",
)


def _go(key: str, place: str, label: str, help_text: str) -> Operation:
    return Operation(f"home.{place}", key, f"go('{place}')", label, help_text)


class HomeScreen(GameScreen):
    """Where the game begins."""

    NAME = "home"
    ENDS_TOUR = True
    OPERATIONS = (
        Operation(
            "home.open",
            "",
            "choose",
            N_("open"),
            N_("Open the entry under the cursor; its own key does the same."),
            shown="⏎",
            palette=False,
        ),
        _go("c", "continue", N_("continue"), N_("Go on with the level you had open last.")),
        _go("m", "campaign", N_("campaign"), N_("All levels with your stars.")),
        _go("r", "training", N_("training"), N_("Levels again, the weakest first, no lectures.")),
        _go("i", "quiz", N_("interview trainer"), N_("Questions as interviewers ask them.")),
        _go("l", "lab", N_("driver lab"), N_("Write a driver and see what the kernel would do.")),
        _go("x", "sandbox", N_("sandbox"), N_("C statements one by one on a machine of yours.")),
        _go("t", "tour", N_("tour"), N_("Five guided minutes that end in a first win.")),
        _go("p", "progress", N_("progress"), N_("What you have done so far.")),
        _go("s", "settings", N_("settings"), N_("Language, colours, motion, glyphs.")),
        _go("a", "about", N_("about"), N_("How true the simulator is, and what it leaves out.")),
        _LEAVE,
    )
    BINDINGS = bindings(OPERATIONS[1:])

    def body(self) -> ComposeResult:
        """Title, motto, menu, state."""
        yield TitleArt(id="art")
        with Center(id="below-title"):
            motto = _("Linux kernel memory, learnt by playing")
            words = Prose((("quiet", motto),), id="motto")
            words.styles.width = cell_len(motto) + 2
            yield words
        with Center(id="middle"):
            yield ChoiceList(self._choices(), id="menu")
        yield Prose((), id="state")

    def on_mount(self) -> None:
        """The menu has the keyboard."""
        self.query_one("#menu", ChoiceList).focus()
        self._tell_state()

    def on_screen_resume(self) -> None:
        """Stars and the last level may have changed."""
        super().on_screen_resume()
        self.query_one("#menu", ChoiceList).show(self._choices())
        self._tell_state()

    def _choices(self) -> list[Choice]:
        store = self.game.services.store
        choices = []
        last = store.get("last-title")
        if last and store.last_level():
            choices.append(Choice("continue", _("Continue"), "c", last))
        first = not store.levels()
        tour = Choice("tour", _("Tour"), "t", _("five minutes to a first win"))
        if first:
            choices.append(tour)
        choices += [
            Choice("campaign", _("Campaign"), "m", self._stars()),
            *self._training(),
            Choice("quiz", _("Interview trainer"), "i", self._answers()),
            Choice("lab", _("Driver lab"), "l", _("write C, see what the kernel would do")),
            Choice("sandbox", _("Sandbox"), "x", _("one statement at a time")),
        ]
        if not first:
            choices.append(tour)
        choices += [
            Choice("progress", _("Progress"), "p"),
            Choice("settings", _("Settings"), "s"),
            Choice("about", _("About"), "a", _("how true the simulator is")),
        ]
        return choices

    def _training(self) -> list[Choice]:
        """Offered as soon as something was learnt."""
        store = self.game.services.store
        learnt = any(level.passed for level in store.levels().values())
        if not learnt and not store.practice.tested_out:
            return []
        return [Choice("training", _("Training"), "r", _("levels again, the weakest first"))]

    def _stars(self) -> str:
        levels = self.game.services.store.levels().values()
        stars = sum(level.best_stars for level in levels)
        passed = sum(level.passed for level in levels)
        if not passed:
            return _("real drivers, one open call each")
        return _("{passed} passed, {stars} {glyph}").format(
            passed=passed, stars=stars, glyph=self.glyphs.star
        )

    def _answers(self) -> str:
        store = self.game.services.store
        if store.review.cards:
            due = due_at_a_glance(store, datetime.now().astimezone())
            if due:
                return ngettext("{count} card due", "{count} cards due", due).format(count=due)
        tallies = store.questions().values()
        if not tallies:
            return _("questions as interviewers ask them")
        right = sum(tally.last_right for tally in tallies)
        return _("{right} of {seen} right").format(right=right, seen=len(tallies))

    def _tell_state(self) -> None:
        trouble = self.game.services.store.trouble
        state = self.query_one("#state", Prose)
        if trouble is None:
            state.show(("quiet", ""))
            return
        from kmemquest.tui.wording import word_trouble

        state.show(("warn", f"{self.glyphs.flag} {word_trouble(trouble)}"))

    def action_go(self, place: str) -> None:
        """Open a place."""
        self.game.action_go(place)

    def action_choose(self) -> None:
        """Open the entry under the cursor."""
        self.query_one("#menu", ChoiceList).action_choose()

    @on(ChoiceList.Chosen)
    def _chosen(self, event: ChoiceList.Chosen) -> None:
        self.game.action_go(event.choice.id)
