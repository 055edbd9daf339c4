"""What the player has done so far, and where it is saved."""

from __future__ import annotations

from textual.app import ComposeResult

from kmemquest.i18n import _, ngettext
from kmemquest.tui.glyphs import stars
from kmemquest.tui.model import LevelEntry
from kmemquest.tui.operations import BACK
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.screens.paper import SCROLL
from kmemquest.tui.widgets.caption import Head
from kmemquest.tui.widgets.prose import Paragraph, Prose
from kmemquest.tui.widgets.row import fit

MEMORY = ":memory:"
"""What a store without a file calls its place."""


class ProgressScreen(GameScreen):
    """Levels, quiz topics, the save file."""

    NAME = "progress"
    CSS_PATH = "progress.tcss"
    HELP = "progress"
    OPERATIONS = (SCROLL, BACK)
    BINDINGS = bindings((BACK,))
    AUTO_FOCUS = "#words"

    def body(self) -> ComposeResult:
        """One sheet."""
        yield Head(_("progress"), "")
        words = Prose([*self._levels(), *self._quiz(), *self._file()], indent=2, id="words")
        words.can_focus = True
        yield words

    def _levels(self) -> list[Paragraph]:
        store = self.game.services.store
        lines: list[Paragraph] = [("title", _("Levels"))]
        worlds: dict[str, list[LevelEntry]] = {}
        for entry in self.game.services.library.entries():
            worlds.setdefault(entry.world, []).append(entry)
        for world, entries in worlds.items():
            passed = sum(store.level(entry.id).passed for entry in entries)
            reached = sum(store.level(entry.id).best_stars for entry in entries)
            filled = round(20 * passed / len(entries))
            bar = self.glyphs.fill * filled + self.glyphs.empty * (20 - filled)
            title = fit(world, 30, self.glyphs.ellipsis)
            tail = f"{passed}/{len(entries)}  {reached}/{3 * len(entries)} {self.glyphs.star}"
            tested = entries[0].world_id in store.practice.tested_out
            if tested:
                tail += f"  {self.glyphs.flag} " + _("tested out")
            lines.append(("plain" if passed or tested else "quiet", f"{title} {bar}  {tail}"))
            lines += [self._tried(entry) for entry in entries if store.level(entry.id).attempts]
        return [*lines, ("plain", "")]

    def _tried(self, entry: LevelEntry) -> Paragraph:
        progress = self.game.services.store.level(entry.id)
        title = fit(f"  {entry.number}  {entry.title}", 44, self.glyphs.ellipsis)
        words = ngettext("{n} attempt", "{n} attempts", progress.attempts)
        words = words.format(n=progress.attempts)
        tone = "plain" if progress.passed else "quiet"
        return tone, f"{title} {stars(self.glyphs, progress.best_stars)}  {words}"

    def _quiz(self) -> list[Paragraph]:
        store = self.game.services.store
        lines: list[Paragraph] = [("title", _("Interview trainer"))]
        topics: dict[str, list[bool]] = {}
        for tally in store.questions().values():
            topics.setdefault(tally.topic, []).append(tally.last_right)
        if not topics:
            lines.append(("quiet", _("no question answered yet")))
        titles = {}
        if topics:
            titles = {topic.id: topic.title for topic in self.game.services.trainer.topics()}
        for topic, results in sorted(topics.items()):
            filled = round(20 * sum(results) / len(results))
            bar = self.glyphs.fill * filled + self.glyphs.empty * (20 - filled)
            title = fit(titles.get(topic, topic), 30, self.glyphs.ellipsis)
            lines.append(("plain", f"{title} {bar}  {sum(results)}/{len(results)}"))
        return [*lines, ("plain", "")]

    def _file(self) -> list[Paragraph]:
        store = self.game.services.store
        place = str(store.path)
        if place == MEMORY:
            place = _("none: what happens now is forgotten afterwards")
        lines: list[Paragraph] = [("title", _("Save file")), ("quiet", place)]
        if store.trouble is not None:
            from kmemquest.tui.wording import word_trouble

            lines.append(("warn", f"{self.glyphs.flag} {word_trouble(store.trouble)}"))
        return lines
