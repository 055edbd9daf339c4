"""Quiz, settings, command palette, save troubles, and the frame map at a million frames."""

from __future__ import annotations

from pathlib import Path

from tui_fake import FakeFrames, services
from tui_pilot import at, game, name_of, press, screen_text, until

from kmemquest import i18n
from kmemquest.store import Store
from kmemquest.tui.model import ZoneSpan
from kmemquest.tui.widgets.frame_map import FrameMap


async def test_a_round_of_all_kinds_of_questions_is_saved(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "save.sqlite3")
    async with game(services(store)) as (app, pilot):
        await press(pilot, "i")
        await at(pilot, "quiz-menu")
        await press(pilot, "enter")
        await at(pilot, "quiz")
        await press(pilot, "b", "enter")
        await until(pilot, lambda: "Not so." in screen_text(app), "feedback")
        assert "That is GFP_ATOMIC." in screen_text(app)
        await press(pilot, "enter")
        await until(pilot, lambda: "Which are true?" in screen_text(app), "second question")
        await press(pilot, "a")
        await until(pilot, lambda: "[x]" in screen_text(app), "ticked")
        await press(pilot, "enter")
        await until(pilot, lambda: "Right." in screen_text(app), "second feedback")
        await press(pilot, "enter")
        await until(pilot, lambda: "kmalloc(100)" in screen_text(app), "third question")
        await press(pilot, "x", "enter")
        await until(pilot, lambda: "no whole number" in screen_text(app), "bad number in words")
        await press(pilot, "backspace", "1", "2", "8", "enter")
        await until(pilot, lambda: "2/3 right" in screen_text(app), "score")
        await press(pilot, "enter")
        await at(pilot, "quiz-menu")
    again = Store.open(tmp_path / "save.sqlite3")
    assert [again.question(name).last_right for name in ("q1", "q2", "q3")] == [False, True, True]


async def test_settings_are_in_force_and_saved_at_once(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "save.sqlite3")
    try:
        async with game(services(store)) as (app, pilot):
            await press(pilot, "s")
            await at(pilot, "settings")
            await press(pilot, "right")
            await until(pilot, lambda: "English" not in screen_text(app), "Chinese")
            assert i18n.language() == "zh_CN"
            await press(pilot, "down", "right")
            await until(pilot, lambda: app.theme == "calm-light", "another theme")
        again = Store.open(tmp_path / "save.sqlite3")
        assert (again.get("language"), again.get("theme")) == ("zh_CN", "calm-light")
    finally:
        i18n.set_language("en")


async def test_the_palette_finds_operations_by_name() -> None:
    async with game() as (app, pilot):
        await press(pilot, "ctrl+p", *"campaign")
        await until(pilot, lambda: "campaign map" in screen_text(app), "a hit")
        await press(pilot, "down", "enter")
        await until(pilot, lambda: name_of(app) == "campaign", "the campaign map")


async def test_a_corrupt_save_is_told_at_home(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    path.write_bytes(b"no database" * 500)
    async with game(services(Store.open(path))) as (app, pilot):
        await until(pilot, lambda: "save.sqlite3.corrupt-1" in screen_text(app), "where it went")


class Counted(FakeFrames):
    """A machine of a million frames that counts how many of them were looked at."""

    looked = 0

    def __init__(self) -> None:
        super().__init__(0, 1_000_000)

    @property
    def spans(self) -> tuple[ZoneSpan, ...]:
        return (ZoneSpan("DMA32", 0, self.end),)

    def states(self, start: int, end: int) -> bytes:
        Counted.looked += end - start
        return bytes([1]) * (end - start)


async def test_a_million_frames_cost_what_is_on_the_screen() -> None:
    async with game() as (app, pilot):
        app.open_level("first")
        await at(pilot, "level")
        await press(pilot, "1", "right", "enter")
        await at(pilot, "watch")
        frames = app.screen.query_one("#memory", FrameMap)
        Counted.looked = 0
        frames.show(Counted())
        frames.focus()
        await until(pilot, lambda: Counted.looked > 0, "drawn")
        assert Counted.looked < 4096
        frames.point(777_777)
        await until(pilot, lambda: "0xbde2" in screen_text(app), "far away")
        Counted.looked = 0
        await press(pilot, "right")
        await until(pilot, lambda: frames.cursor == 777_778, "one cell on")
        assert Counted.looked <= 64
        await press(pilot, "minus", "minus")
        await until(pilot, lambda: frames.frames_per_cell == 16, "zoomed out")
        assert frames.row_count() == 1 + -(-1_000_000 // (16 * 32))
