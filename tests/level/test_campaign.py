"""The shipped campaign: every allocator has its level, and texts and drivers are in shape.

What a level must prove about itself, and that no habit wins, is proven by `kmemquest check`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import pytest

from kmemquest.i18n import LANGUAGES
from kmemquest.level.attempt import Attempt
from kmemquest.level.evidence import Evidence
from kmemquest.level.library import Library
from kmemquest.level.load import Level
from kmemquest.level.recording import Recording
from kmemquest.level.verdict import Verdict, judge

LEVELS: Mapping[str, Level] = {entry.id: entry.load() for entry in Library.open().entries}

APIS = {
    "kmalloc": "calibration-block",
    "kzalloc": "telemetry-reply",
    "__get_free_pages": "trace-buffer",
    "alloc_pages": "frame-pages",
    "vmalloc": "firmware-image",
    "dma_alloc_coherent": "descriptor-ring",
    "memblock_alloc": "boot-console",
    "kmem_cache_alloc": "request-cache",
    "GFP_ATOMIC": "rx-ring-refill",
    "kvmalloc": "lookup-tables",
}


@cache
def played(name: str, slot: str, option: str) -> tuple[Recording, Verdict]:
    level = LEVELS[name]
    recording = Attempt(level, {**level.file.solution, slot: option}).run()
    return recording, judge(level, recording)


@pytest.mark.parametrize(("api", "name"), APIS.items())
def test_every_allocator_has_its_level(api: str, name: str) -> None:
    file = LEVELS[name].file
    (slot, answer), *_ = file.solution.items()
    assert re.search(rf"\b{api}\b", file.slots[slot].options[answer])
    assert file.teaches is not None
    recording, verdict = played(name, slot, answer)
    assert verdict.passed
    if api != "GFP_ATOMIC":
        calls = [c for c in Evidence(recording).calls_in_slot(slot) if c.function == api]
        assert calls
        assert not any(call.failed for call in calls)


def test_texts_differ_between_the_languages_and_match_in_shape() -> None:
    for level in LEVELS.values():
        assert set(level.texts) == set(LANGUAGES)
        english, chinese = level.texts["en"], level.texts["zh_CN"]
        for one, other in (
            (english.title, chinese.title),
            (english.story, chinese.story),
            (english.debrief, chinese.debrief),
            *zip(english.hints, chinese.hints, strict=True),
            *zip(english.wrong, chinese.wrong, strict=True),
        ):
            assert not re.search(r"[\u4e00-\u9fff]", one), level.id
            assert re.search(r"[\u4e00-\u9fff]", other), level.id
        assert english.story.count("\n\n") == chinese.story.count("\n\n"), level.id
        assert english.debrief.count("\n\n") == chinese.debrief.count("\n\n"), level.id


def test_both_languages_tell_the_same_numbers() -> None:
    """Numbers of a story (sizes, counts) survive translation; words for small ones need not."""
    for level in LEVELS.values():
        english, chinese = (
            set(re.findall(r"\d{2,}", level.texts[lang].story.replace(",", "")))
            for lang in ("en", "zh_CN")
        )
        assert english == chinese, level.id


def test_drivers_are_no_longer_than_two_screens_and_written_with_tabs() -> None:
    for level in LEVELS.values():
        lines = level.file.driver.rstrip("\n").split("\n")
        assert len(lines) <= 100, level.id
        for line in lines:
            assert not line.startswith("    "), f"{level.id}: {line!r}"
            assert len(line.expandtabs(8)) <= 100, f"{level.id}: {line!r}"
