"""A shipped level in the real screens: what the panes show is what the recording says."""

from __future__ import annotations

import pytest
from tui_fake import FakeTrainer
from tui_pilot import at, on_level, press, screen_text, until

from kmemquest.kernel.events import ObjectAllocated
from kmemquest.store import Store
from kmemquest.tui.app import GameApp
from kmemquest.tui.level_source import open_library
from kmemquest.tui.model import FrameState
from kmemquest.tui.play_source import LevelPlay
from kmemquest.tui.preferences import Preferences
from kmemquest.tui.screens.watch import WatchScreen
from kmemquest.tui.services import Services

LEVEL = "rx-ring-refill"


@pytest.fixture(scope="module")
def play() -> LevelPlay:
    return open_library().open(LEVEL).run({"alloc": "atomic"}, None)


def _first_object(play: LevelPlay) -> tuple[int, ObjectAllocated]:
    for step in range(len(play.recording.steps)):
        for event in play.recording.events_of(step):
            if isinstance(event, ObjectAllocated) and event.cache == "kmalloc-2k":
                return step, event
    raise AssertionError("the level allocates nothing")


def test_the_frame_of_a_new_object_is_marked_as_the_drivers_own(play: LevelPlay) -> None:
    step, event = _first_object(play)
    pfn = event.pfn + (event.index * 2048 >> 12)
    frames = play.picture(step).frames
    assert frames.changed[0] == (pfn, pfn + 1)
    assert frames.states(pfn, pfn + 1) == bytes((FrameState.YOURS,))
    assert "kmalloc-2k" in frames.words(pfn)
    before = play.picture(step - 1).frames
    assert before.states(pfn, pfn + 1) == bytes((FrameState.SLAB,))


def test_what_the_module_loader_takes_is_not_called_the_drivers(play: LevelPlay) -> None:
    step, _event = _first_object(play)
    assert [row.cache for row in play.picture(step).slabs if 2 in row.cells] == ["kmalloc-2k"]


def test_a_step_tells_the_result_of_the_call_it_speaks_of(play: LevelPlay) -> None:
    step, event = _first_object(play)
    assert f"→ {event.address:#x}" in play.words(step).happened


def test_calls_are_written_as_their_author_wrote_them(play: LevelPlay) -> None:
    step, _event = _first_object(play)
    assert "kmalloc(2048, GFP_ATOMIC)" in play.why(step)[0]


async def test_a_shipped_level_by_mouse() -> None:
    preferences = Preferences(motion="none")
    app = GameApp(Services(Store.in_memory(), preferences, open_library, FakeTrainer), level=LEVEL)
    async with app.run_test(size=(80, 24)) as pilot:
        await on_level(pilot)
        await pilot.click("#cards", offset=(6, 1))
        await until(pilot, lambda: "= kmalloc(RX_LEN, GFP_ATOMIC);" in screen_text(app), "card")
        await pilot.click("#prediction", offset=(5, 1))
        await until(pilot, lambda: "[nothing]" in screen_text(app), "prediction")
        await pilot.click("#keys", offset=(2, 0))
        await at(pilot, "watch")
        screen = app.screen
        assert isinstance(screen, WatchScreen)
        await pilot.click("#timeline", offset=(20, 0))
        await until(pilot, lambda: screen.step > 50, "timeline")
        await pilot.click("#memory", offset=(12, 3))
        await until(pilot, lambda: "pfn 0x" in screen_text(app), "words about a frame")
        await press(pilot, "v")
        await at(pilot, "verdict")
        await until(pilot, lambda: "✓ Passed" in screen_text(app), "verdict")
        await app.workers.wait_for_complete()
        await until(pilot, lambda: "panic" in screen_text(app), "the other options")
