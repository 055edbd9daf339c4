"""The sandbox's screen: typing, undo, scrubbing, why, machine, drafts, a level's state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from tui_pilot import at, game, press, screen_text, until

from kmemquest.store import Store
from kmemquest.tui.app import GameApp
from kmemquest.tui.preferences import Preferences
from kmemquest.tui.screens.sandbox import SandboxScreen
from kmemquest.tui.services import Services


def real(store: Store | None = None, **preferences: str) -> Services:
    chosen = Preferences(**{"motion": "none", **preferences})
    return Services.shipped(store or Store.in_memory(), chosen)


@asynccontextmanager
async def sandbox(
    store: Store | None = None, size: tuple[int, int] = (80, 24), **preferences: str
) -> AsyncIterator[tuple[GameApp, Pilot[None], SandboxScreen]]:
    async with game(real(store, **preferences), size) as (app, pilot):
        await press(pilot, "x")
        await at(pilot, "sandbox")
        screen = app.screen
        assert isinstance(screen, SandboxScreen)
        await ready(pilot, screen)
        yield app, pilot, screen


async def ready(pilot: Pilot[None], screen: SandboxScreen) -> None:
    await until(pilot, lambda: not screen._busy and bool(screen.play.log), "the machine has booted")


async def enter(pilot: Pilot[None], screen: SandboxScreen, line: str) -> None:
    count = len(screen.sandbox.statements)
    screen.prompt.value = line
    await press(pilot, "enter")
    await until(
        pilot,
        lambda: not screen._busy and len(screen.sandbox.statements) == count + 1,
        f"{line} was run",
    )
    await pilot.pause()


async def test_a_statement_shows_its_value_and_what_lies_there() -> None:
    async with sandbox() as (app, pilot, screen):
        await enter(pilot, screen, "p = kmalloc(100, GFP_KERNEL);")
        text = " ".join(screen_text(app).split())
        assert "kmalloc-128" in text
        assert "p = 0xffff8880" in text
        assert screen.prompt.value == ""
        assert screen.prompt.has_focus


async def test_what_does_not_build_stays_at_the_prompt_with_the_cursor_at_the_place() -> None:
    async with sandbox() as (app, pilot, screen):
        screen.prompt.value = "ksize(1"
        await press(pilot, "enter")
        await until(pilot, lambda: "column 8" in screen_text(app), "the refusal")
        assert screen.prompt.value == "ksize(1"
        assert screen.prompt.cursor_position == 7


async def test_undo_redo_and_a_new_beginning() -> None:
    async with sandbox() as (_app, pilot, screen):
        await enter(pilot, screen, "kmalloc(8, GFP_KERNEL)")
        await enter(pilot, screen, "1 + 1")
        for key, count in (("ctrl+z", 1), ("ctrl+z", 0), ("ctrl+y", 1), ("ctrl+b", 0)):
            await press(pilot, key)
            await until(
                pilot,
                lambda count=count: (
                    not screen._busy  # type: ignore[misc]
                    and len(screen.play.source.lines) == count
                ),
                f"{key}: {count}",
            )


async def test_page_keys_go_through_the_events_and_the_map_goes_back() -> None:
    async with sandbox() as (_app, pilot, screen):
        await enter(pilot, screen, "for (int i = 0; i < 3; i++) alloc_pages(GFP_KERNEL, 0);")
        last = screen.step
        await press(pilot, "pageup")
        assert screen.step == last - 1
        taken = screen.play.picture(last).frames
        before = screen.play.picture(last - 1).frames
        pfn = taken.changed[0][0]
        assert taken.states(pfn, pfn + 1) != before.states(pfn, pfn + 1)
        await press(pilot, "pagedown")
        assert screen.step == last


async def test_why_names_zones_and_blocks() -> None:
    async with sandbox(size=(160, 50)) as (app, pilot, screen):
        await enter(pilot, screen, "kmalloc(8 << 20, GFP_ATOMIC)")
        await press(pilot, "f2")
        await at(pilot, "sandbox-why")
        assert "free blocks, order 0 to 10" in screen_text(app)


async def test_files_are_typed_as_in_a_shell() -> None:
    async with sandbox(size=(160, 50)) as (app, pilot, screen):
        screen.prompt.value = "cat /proc/buddyinfo"
        await press(pilot, "enter")
        await at(pilot, "sandbox-file")
        assert "Node 0, zone    DMA32" in screen_text(app)
        await press(pilot, "escape")
        await at(pilot, "sandbox")
        assert screen.sandbox.statements == ()


async def test_another_machine_runs_everything_again() -> None:
    async with sandbox() as (_app, pilot, screen):
        await enter(pilot, screen, "kmalloc(8, GFP_KERNEL)")
        await press(pilot, "f4")
        await at(pilot, "sandbox-machine")
        await press(pilot, "down", "right", "enter")
        await until(pilot, lambda: screen.sandbox.ground.spec.ram == 64 << 20, "64 MiB")
        await ready(pilot, screen)
        assert len(screen.sandbox.statements) == 1


async def test_statements_come_back_next_time() -> None:
    store = Store.in_memory()
    async with sandbox(store) as (_app, pilot, screen):
        await enter(pilot, screen, "p = vmalloc(4096)")
    async with sandbox(store) as (_app, pilot, screen):
        await until(pilot, lambda: len(screen.sandbox.statements) == 1, "the draft")
        await ready(pilot, screen)
        await press(pilot, "up")
        assert screen.prompt.value == "p = vmalloc(4096)"


async def test_names_are_completed_and_calls_show_their_prototype() -> None:
    async with sandbox() as (app, pilot, screen):
        await press(pilot, "k", "m", "a", "l", "l", "o")
        await until(pilot, lambda: screen.prompt._suggestion == "kmalloc", "a suggestion")
        await press(pilot, "tab", "left_parenthesis")
        assert screen.prompt.value == "kmalloc("
        await until(pilot, lambda: "size_t size" in screen_text(app), "the prototype")


async def test_a_level_opens_with_its_driver_loaded() -> None:
    async with game(real()) as (app, pilot):
        app.open_level("rx-ring-refill")
        await at(pilot, "lab-choose")
        await press(pilot, "escape")
        await at(pilot, "level")
        await press(pilot, "2", "t")
        await at(pilot, "sandbox")
        screen = app.screen
        assert isinstance(screen, SandboxScreen)
        await ready(pilot, screen)
        await enter(pilot, screen, "rx[0]")
        kind, _text = screen.sandbox.run.value(1) or ("", "")
        assert kind


async def test_save_writes_a_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with sandbox() as (_app, pilot, screen):
        await enter(pilot, screen, "p = kmalloc(60, GFP_KERNEL)")
        await enter(pilot, screen, "kfree(p)")
        screen.prompt.value = "save my-own"
        await press(pilot, "enter")
        await until(pilot, lambda: (tmp_path / "my-own.zh_CN.yaml").is_file(), "the files")


@pytest.mark.parametrize("language", ["en", "zh_CN"])
async def test_keys_fit_and_ascii_is_ascii(language: str) -> None:
    from kmemquest.tui.widgets.key_line import KeyLine

    async with sandbox(glyphs="ascii", language=language) as (app, pilot, screen):
        await enter(pilot, screen, "kmalloc(8, GFP_KERNEL)")
        keys = app.screen.query(KeyLine).first()
        assert keys.needed_width() <= 80, keys.entries()
        if language == "en":
            foreign = {sign for sign in screen_text(app) if ord(sign) > 126} - set(
                "·×…│─╭╮╰╯▁▂▃▄▅▆▇█"
            )
            assert not foreign
