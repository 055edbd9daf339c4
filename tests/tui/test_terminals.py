"""Terminals that are too small, know few colours, or cannot place a cursor."""

from __future__ import annotations

import pytest
from tui_fake import services
from tui_pilot import at, screen_text, until

from kmemquest.store import Store
from kmemquest.tui.app import GameApp, run
from kmemquest.tui.preferences import Preferences


def test_a_terminal_without_a_cursor_is_told_of_plain_mode(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert run(language="en") == 2
    assert "kmemquest --plain" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("term", "colorterm", "theme"),
    [
        ("xterm", "", "okabe-ito"),
        ("linux", "", "okabe-ito"),
        ("xterm-256color", "", "calm-dark"),
        ("xterm", "truecolor", "calm-dark"),
        ("alacritty", "", "calm-dark"),
    ],
)
def test_sixteen_colours_get_a_theme_whose_hues_stay_apart(
    monkeypatch: pytest.MonkeyPatch, term: str, colorterm: str, theme: str
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLORTERM", colorterm)
    assert Preferences.load(Store.in_memory()).theme == theme


def test_a_chosen_theme_is_kept_whatever_the_terminal_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLORTERM", raising=False)
    store = Store.in_memory()
    store.set("theme", "calm-light")
    assert Preferences.load(store).theme == "calm-light"


async def test_a_level_asked_for_waits_until_the_terminal_is_large_enough() -> None:
    app = GameApp(services(), level="first")
    async with app.run_test(size=(40, 10)) as pilot:
        await until(pilot, lambda: "too small: 40×10" in screen_text(app), "the words")
        await pilot.resize_terminal(80, 24)
        await at(pilot, "level")
