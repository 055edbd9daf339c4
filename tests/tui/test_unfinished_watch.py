"""A watched level that is not finished: it is shown, and a line says so."""

from __future__ import annotations

from pathlib import Path

from tui_pilot import at, game, press, screen_text

from kmemquest.level.template import write_new
from kmemquest.store import Store
from kmemquest.tui.live_reload import LiveReload
from kmemquest.tui.preferences import Preferences
from kmemquest.tui.screens.level import LevelScreen
from kmemquest.tui.services import Services


async def test_an_option_may_be_renamed_before_its_explanation(tmp_path: Path) -> None:
    path = write_new("level", "card-record", tmp_path)[0]
    services = Services.shipped(Store.in_memory(), Preferences(motion="none"))
    async with game(services) as (app, pilot):
        live = LiveReload(app, str(path))
        live.look()
        await at(pilot, "level")
        await press(pilot, "1")
        text = path.read_text(encoding="utf-8")
        option = "page: (u8 *)__get_free_page(GFP_KERNEL)"
        assert option in text
        renamed = text.replace(option, "whole: (u8 *)__get_free_page(GFP_NOWAIT)")
        path.write_text(renamed, encoding="utf-8")
        live.look()
        await at(pilot, "level")
        await pilot.pause()
        assert isinstance(app.screen, LevelScreen)
        shown = screen_text(app)
        assert app.screen.answers == {}
        assert "unfinished: 1 thing is missing" in shown
        await press(pilot, "1")
        assert "record = (u8 *)__get_free_page(GFP_NOWAIT);" in screen_text(app)
