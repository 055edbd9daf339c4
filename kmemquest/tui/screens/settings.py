"""Settings: language, colours, motion, glyphs; each saved and in force at once."""

from __future__ import annotations

from typing import Final

from textual import on
from textual.app import ComposeResult

from kmemquest.i18n import N_, _
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.preferences import CHOICES
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.widgets.caption import Head, Rule
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.prose import Prose

TITLES: Final = {
    "language": N_("Language"),
    "theme": N_("Colours"),
    "motion": N_("Motion"),
    "glyphs": N_("Glyphs"),
}
VALUES: Final = {
    "en": "English",
    "zh_CN": "简体中文",
    "calm-dark": N_("calm, dark"),
    "calm-light": N_("calm, light"),
    "okabe-ito": N_("colour-blind safe"),
    "high-contrast": N_("high contrast"),
    "full": N_("full"),
    "reduced": N_("reduced"),
    "none": N_("none"),
    "unicode": N_("Unicode"),
    "ascii": N_("ASCII only"),
}


class SettingsScreen(GameScreen):
    """One row per setting."""

    NAME = "settings"
    CSS_PATH = "settings.tcss"
    HELP = "settings"
    OPERATIONS = (
        Operation(
            "settings.next",
            "right,enter,space",
            "change(1)",
            N_("change"),
            N_("Take the next value of the setting under the cursor."),
            shown="←→",
        ),
        Operation(
            "settings.previous",
            "left",
            "change(-1)",
            N_("change back"),
            N_("Take the value before."),
        ),
        BACK,
    )
    BINDINGS = bindings(OPERATIONS)

    def body(self) -> ComposeResult:
        """Settings, a sample of what they do."""
        yield Head(_("settings"), "")
        yield ChoiceList(self._choices(), id="settings")
        yield Rule(_("sample"))
        yield Prose((), id="sample")

    def on_mount(self) -> None:
        """The list has the keyboard."""
        self.query_one("#settings", ChoiceList).focus()
        self._show_sample()

    def _choices(self) -> list[Choice]:
        preferences = self.game.services.preferences
        return [
            Choice(name, _(TITLES[name]), tail=f"‹ {_(VALUES[getattr(preferences, name)])} ›")
            for name in CHOICES
        ]

    def _show_sample(self) -> None:
        glyph = self.glyphs
        self.query_one("#sample", Prose).show(
            ("good", f"{glyph.met} " + _("a goal that was met")),
            ("bad", f"{glyph.unmet} " + _("something went wrong")),
            ("warn", f"{glyph.flag} " + _("something to look at")),
            ("glow", f"{glyph.bullet} " + _("changed in this step")),
            ("accent", f"{glyph.star}{glyph.star}{glyph.no_star}"),
        )

    @on(ChoiceList.Chosen, "#settings")
    def _chosen(self) -> None:
        self.action_change(1)

    def action_change(self, by: int) -> None:
        """Take another value."""
        settings = self.query_one("#settings", ChoiceList)
        if settings.current is None:
            return
        name = settings.current.id
        values = CHOICES[name]
        now = getattr(self.game.services.preferences, name)
        self.game.change(name, values[(values.index(now) + by) % len(values)])
        if name not in ("language", "glyphs"):
            settings.show(self._choices())
            self._show_sample()
        else:
            self.call_after_refresh(self._restore, name)

    def _restore(self, name: str) -> None:
        """After the screen was composed anew in another language."""
        settings = self.query_one("#settings", ChoiceList)
        settings.focus()
        settings.move_to(name)
        self._show_sample()
