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
            shown="a",
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
            if not store.level(entry.id).passed:
                return entry.id
        return store.last_level() or ""

    def missing(self, entry: LevelEntry) -> list[str]:
        """The titles of levels that should be passed first."""
        store = self.game.services.store
        return [
            self.entries[needed].title
            for needed in entry.needs_levels
            if needed in self.entries and not store.level(needed).passed
        ]

    def _passed_of(self, world: str) -> str:
        store = self.game.services.store
        there = [entry.id for entry in self.entries.values() if entry.world == world]
        return f"{sum(store.level(name).passed for name in there)}/{len(there)}"

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
                choices.append(Choice("", f" {world}  {self._passed_of(world)}"))
            progress = store.level(entry.id)
            total += progress.best_stars
            passed += progress.passed
            locked = bool(self.missing(entry)) and not progress.passed
            glyph = self.glyphs
            mark = glyph.met if progress.passed else glyph.locked if locked else glyph.open_goal
            choices.append(
                Choice(
                    entry.id,
                    f"{entry.number:<{numbers}}  {entry.title}",
                    tail=f"{entry.teaches}  {stars(glyph, progress.best_stars)}",
                    mark=mark,
                    mark_tone="good" if progress.passed else "quiet" if locked else "link",
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
        missing = self.missing(entry)
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
