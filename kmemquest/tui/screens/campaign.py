"""The campaign map: worlds and levels, your stars, what each teaches and takes for granted."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult

from kmemquest.i18n import N_, _, ngettext
from kmemquest.tui.glyphs import stars
from kmemquest.tui.model import LevelEntry
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.widgets.caption import Head, Rule
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.prose import Prose


class CampaignScreen(GameScreen):
    """All levels in order."""

    NAME = "campaign"
    ENDS_TOUR = True
    CSS_PATH = "campaign.tcss"
    HELP = "campaign"
    OPERATIONS = (
        Operation(
            "campaign.open",
            "enter",
            "open",
            N_("play"),
            N_("Open the level under the cursor."),
            shown="⏎",
        ),
        Operation(
            "campaign.move",
            "",
            "nothing",
            N_("choose"),
            N_("Move over the levels."),
            shown="↑↓",
            palette=False,
        ),
        Operation(
            "campaign.world-before",
            "left,left_square_bracket",
            "world(-1)",
            N_("world before"),
            N_("Go to the first level of the world, then of the one before."),
        ),
        Operation(
            "campaign.world-after",
            "right,right_square_bracket",
            "world(1)",
            N_("worlds"),
            N_("Go to the first level of the next world."),
            shown="←→",
        ),
        Operation(
            "campaign.anyway",
            "a",
            "anyway",
            N_("open anyway"),
            N_("Open a level although it builds on others that you have not passed."),
        ),
        Operation(
            "campaign.test-out",
            "t",
            "test_out",
            N_("test out"),
            N_("Pass the test of this world instead of its levels; or take that back."),
            shown="t",
        ),
        Operation(
            "campaign.training",
            "r",
            "training",
            N_("training"),
            N_("Levels again, the weakest first, no lectures."),
            shown="r",
        ),
        BACK,
    )
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, entries: Sequence[LevelEntry]) -> None:
        super().__init__()
        self.entries = {entry.id: entry for entry in entries}

    def body(self) -> ComposeResult:
        """Map, and a panel about the level under the cursor."""
        yield Head(_("campaign"), "", id="head")
        yield ChoiceList((), id="map")
        yield Rule("", id="about-rule")
        yield Prose((), id="about")

    def on_mount(self) -> None:
        """Put the cursor on the level to play next."""
        self._show_map()
        levels = self.query_one("#map", ChoiceList)
        levels.focus()
        levels.move_to(self._next())
        self._show_about()

    def on_screen_resume(self) -> None:
        """Stars may have changed."""
        super().on_screen_resume()
        self._show_map()
        self._show_about()

    def _next(self) -> str:
        """The first level that was not passed yet, else the last one played."""
        store = self.game.services.store
        for entry in self.entries.values():
            if not store.level(entry.id).passed and not self._tested_out(entry):
                return entry.id
        return store.last_level() or ""

    def missing(self, entry: LevelEntry) -> list[str]:
        """The titles of levels whose concepts are not met yet and which come first."""
        store = self.game.services.store
        return [
            self.entries[needed].title
            for needed in entry.needs_levels
            if needed in self.entries
            and not store.level(needed).passed
            and not self._tested_out(self.entries[needed])
        ]

    def _tested_out(self, entry: LevelEntry) -> bool:
        return entry.world_id in self.game.services.store.practice.tested_out

    def _heading(self, world: str) -> str:
        """A world's name, how much of it is passed, and what its test came to or offers."""
        store = self.game.services.store
        there = [entry for entry in self.entries.values() if entry.world == world]
        passed = sum(store.level(entry.id).passed for entry in there)
        heading = f" {world}  {passed}/{len(there)}"
        test = store.practice.test(there[0].world_id)
        if self._tested_out(there[0]):
            return f"{heading}  {self.glyphs.flag} " + _("tested out")
        if passed == len(there):
            return heading
        if test is not None and test.state == "open" and (test.done or test.mistakes):
            return f"{heading}  {self.glyphs.flag} " + _("t goes on with its test")
        return f"{heading}  {self.glyphs.bullet} " + _("t tests out")

    def _show_map(self) -> None:
        store = self.game.services.store
        choices: list[Choice] = []
        world = ""
        total = passed = 0
        numbers = max((len(entry.number) for entry in self.entries.values()), default=0)
        for entry in self.entries.values():
            if entry.world != world:
                if choices:
                    choices.append(Choice("", ""))
                world = entry.world
                choices.append(Choice("", self._heading(world)))
            progress = store.level(entry.id)
            total += progress.best_stars
            passed += progress.passed
            tested = self._tested_out(entry) and not progress.passed
            locked = bool(self.missing(entry)) and not progress.passed and not tested
            glyph = self.glyphs
            mark = glyph.met if progress.passed else glyph.locked if locked else glyph.open_goal
            if tested:
                mark = glyph.flag
            done = progress.passed or tested
            choices.append(
                Choice(
                    entry.id,
                    f"{entry.number:<{numbers}}  {entry.title}",
                    tail=f"{entry.teaches}  {stars(glyph, progress.best_stars)}",
                    mark=mark,
                    mark_tone="good" if done else "quiet" if locked else "link",
                    tone="quiet" if locked else "plain",
                )
            )
        self.query_one("#map", ChoiceList).show(choices)
        count = len(self.entries)
        words = _("{passed} of {count} passed").format(passed=passed, count=count)
        self.query_one("#head", Head).show(
            _("campaign"), f"{words}  {total}/{3 * count} {self.glyphs.star}"
        )

    @on(ChoiceList.Moved, "#map")
    def _show_about(self) -> None:
        current = self.query_one("#map", ChoiceList).current
        entry = self.entries.get(current.id) if current else None
        if entry is None:
            return
        progress = self.game.services.store.level(entry.id)
        missing = self.missing(entry)
        if progress.passed:
            attempts = ngettext("passed, {n} attempt", "passed, {n} attempts", progress.attempts)
            state = attempts.format(n=progress.attempts)
        elif self._tested_out(entry):
            state = _("tested out; its stars are still to be had")
            missing = []
        elif missing:
            state = _("builds on: {titles} (a opens it anyway)").format(titles=", ".join(missing))
        elif progress.attempts:
            attempts = ngettext("{n} attempt so far", "{n} attempts so far", progress.attempts)
            state = attempts.format(n=progress.attempts)
        else:
            state = _("not tried yet")
        difficulty = self.glyphs.bullet * entry.difficulty
        needs = ", ".join(entry.needs) or _("nothing")
        self.query_one("#about-rule", Rule).show(entry.title, state if not missing else "")
        self.query_one("#about", Prose).show(
            ("plain", _("teaches: {concept}").format(concept=entry.teaches)),
            ("plain", _("takes for granted: {concepts}").format(concepts=needs)),
            (
                "quiet",
                state if missing else _("difficulty {bullets}").format(bullets=difficulty),
            ),
        )

    def action_world(self, by: int) -> None:
        """Move to the first level of a neighbouring world."""
        levels = self.query_one("#map", ChoiceList)
        here = levels.current.id if levels.current else ""
        firsts: dict[str, str] = {}
        for entry in self.entries.values():
            firsts.setdefault(entry.world, entry.id)
        if here not in self.entries:
            return
        starts = list(firsts.values())
        place = list(firsts).index(self.entries[here].world)
        if by > 0 or here == starts[place]:
            place += by
        levels.move_to(starts[min(max(place, 0), len(starts) - 1)])
        levels.show_heading()

    @on(ChoiceList.Chosen, "#map")
    def action_open(self) -> None:
        """Open the level, or say what comes first."""
        current = self.query_one("#map", ChoiceList).current
        entry = self.entries.get(current.id) if current else None
        if entry is None:
            return
        missing = [] if self._tested_out(entry) else self.missing(entry)
        if missing and not self.game.services.store.level(entry.id).attempts:
            self.notify(
                _("Pass first: {titles}. Or press a to open it anyway.").format(
                    titles=", ".join(missing)
                ),
                timeout=6,
            )
            return
        self.game.open_level(entry.id)

    def action_anyway(self) -> None:
        """Open it whatever comes first."""
        current = self.query_one("#map", ChoiceList).current
        if current is not None and current.id in self.entries:
            self.game.open_level(current.id)

    # --- training and tests ---------------------------------------------------------------------

    def action_training(self) -> None:
        """A level to train with."""
        self.game.action_go("training")

    def action_test_out(self) -> None:
        """Explain the test of the world under the cursor, then begin it; or take it back."""
        current = self.query_one("#map", ChoiceList).current
        entry = self.entries.get(current.id) if current else None
        if entry is None:
            return
        from kmemquest.tui.screens.lab_sheets import ChooseScreen

        tested = self._tested_out(entry)
        words = _(
            "One level, or three where the world has no checkpoint, without lectures and hints. "
            "One mistake is forgiven. Pass it, and what the world teaches counts as met."
        )
        choices = [Choice("sit", _("Sit the test")), Choice("keep", _("Not now"))]
        if tested:
            words = _(
                "You have tested out of this world. Taken back, its levels count as not met again; "
                "what you passed stays passed."
            )
            choices = [Choice("keep", _("Leave it as it is")), Choice("reset", _("Take it back"))]
        sheet = ChooseScreen(entry.world, words, choices)

        def answered(answer: str | None) -> None:
            if answer == "sit":
                from kmemquest.tui.screens.round_flow import open_test

                open_test(self.game, entry.world_id)
            elif answer == "reset":
                self.game.services.store.practice.forget_test(entry.world_id)
                self.game.tell_trouble()
                self._show_map()
                self._show_about()

        self.app.push_screen(sheet, answered)
