"""The shipped campaign: every allocator has its level, and no habit wins.

What one level must prove about itself is `kmemquest check`; this is about all of them together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
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
MOST_WON_BY_A_HABIT = 0.4
CHOICES = [
    (name, slot, option)
    for name, level in LEVELS.items()
    for slot, open_place in level.file.slots.items()
    for option in open_place.options
]

habit = pytest.mark.parametrize(
    "choose",
    [
        lambda options: options[0],
        lambda options: options[min(1, len(options) - 1)],
        lambda options: options[min(2, len(options) - 1)],
        lambda options: options[min(3, len(options) - 1)],
        lambda options: options[-1],
        lambda options: max(options, key=lambda option: len(option[1])),
        lambda options: min(options, key=lambda option: len(option[1])),
        lambda options: _first_with(options, "GFP_KERNEL"),
        lambda options: _first_with(options, "kzalloc"),
        lambda options: _first_with(options, "kmalloc"),
        lambda options: _first_with(options, "vmalloc"),
    ],
    ids=[
        *("first", "second", "third", "fourth", "last", "longest", "shortest"),
        *("GFP_KERNEL", "kzalloc", "kmalloc", "vmalloc"),
    ],
)


def _first_with(options: list[tuple[str, str]], word: str) -> tuple[str, str]:
    return next((option for option in options if word in option[1]), options[0])


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


def test_the_right_option_stands_at_every_place() -> None:
    places = Counter(
        list(level.file.slots[slot].options).index(answer)
        for level in LEVELS.values()
        for slot, answer in level.file.solution.items()
    )
    assert set(places) >= {0, 1, 2, 3}
    assert max(places.values()) - min(places.values()) <= 1


@habit
def test_no_habit_wins(choose: Callable[[list[tuple[str, str]]], tuple[str, str]]) -> None:
    won = []
    for name, level in LEVELS.items():
        answers = {
            slot: choose(list(place.options.items()))[0] for slot, place in level.file.slots.items()
        }
        if len(answers) == 1 and played(name, *next(iter(answers.items())))[1].stars == 3:
            won.append(name)
    assert len(won) <= MOST_WON_BY_A_HABIT * len(LEVELS), won


@pytest.mark.parametrize(("name", "slot", "option"), CHOICES)
def test_every_option_can_be_predicted(name: str, slot: str, option: str) -> None:
    """Whatever is chosen, the truth is among the answers that the prediction offers."""
    _, verdict = played(name, slot, option)
    assert verdict.outcome != "does-not-compile"
    assert verdict.truth in LEVELS[name].file.predict.of


def test_predictions_depend_on_the_choice() -> None:
    constant = [
        name
        for name, level in LEVELS.items()
        if len({played(*choice)[1].truth for choice in CHOICES if choice[0] == name}) == 1
    ]
    # In an interrupt handler every call runs in an interrupt: there the constant is the lesson.
    assert constant == ["rx-ring-refill"]


def test_every_failing_option_is_explained() -> None:
    for name, slot, option in CHOICES:
        explained = {wrong.answers.get(slot) for wrong in LEVELS[name].file.wrong}
        if not played(name, slot, option)[1].passed:
            assert option in explained, f"{name}: {option} fails, and nothing tells why"


def test_the_first_hint_reacts_to_most_mistakes() -> None:
    for name, level in LEVELS.items():
        failed = [
            played(name, slot, option)[1].failed_goals
            for level_name, slot, option in CHOICES
            if level_name == name and not played(name, slot, option)[1].passed
        ]
        reacting = [goals for goals in failed if 0 in level.hints_open(1, goals)]
        assert len(reacting) * 2 >= len(failed), name


def test_drivers_fit_a_tall_screen_and_are_written_with_tabs() -> None:
    for level in LEVELS.values():
        lines = level.file.driver.rstrip("\n").split("\n")
        assert len(lines) <= 66, level.id
        for line in lines:
            assert not line.startswith("    "), f"{level.id}: {line!r}"
            assert len(line.expandtabs(8)) <= 100, f"{level.id}: {line!r}"


@pytest.mark.parametrize("name", LEVELS)
def test_the_same_level_gives_the_same_recording(name: str) -> None:
    level = LEVELS[name]
    (slot, answer), *_ = level.file.solution.items()
    first, _ = played(name, slot, answer)
    again = Attempt(level, level.file.solution).run()
    assert first.digest() == again.digest()
    others = [choice for choice in CHOICES if choice[0] == name and choice[2] != answer]
    assert all(played(*choice)[0].digest() != first.digest() for choice in others)
