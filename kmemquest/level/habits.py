"""Habits: fixed answers that a player might give without reading. None may win a pack.

The habits tried, on every level of a pack of at least `PACK` levels:

- by place: always the first option, the second, … the eighth (where a slot has as many), always the
  last. An order is left as listed, for `last` it is reversed;
- by length: always the longest option, always the shortest (of its C text; the first of equals);
- by not changing anything: nothing answered, orders left as listed;
- by a fixed call: always `kzalloc(…, GFP_KERNEL)`, or any other function with its flags that stands
  in an option of the pack. Each slot that offers the call takes it; other open places of the driver
  count as solved, so that the habit gets its best chance.

Places that a player fills with C of his own have no options to choose by place or length: there
such a habit has no answer, and does not pass. Nor does a fixed call where something must be named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from kmemquest.level.diagnose import NAMED
from kmemquest.level.evidence import ALLOCATORS
from kmemquest.level.model import WRITTEN, LevelFile, Slot

PACK: Final = 10
"""Smaller packs are not judged: with three levels a fifth is less than one."""
SHARE: Final = 0.2
"""A habit may pass this share of a pack's levels, and no more."""
PLACES: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")

_CALL: Final = re.compile(r"\b(\w+)\s*\(")
_FLAG: Final = re.compile(r"\b(?:__)?GFP_[A-Z_]+\b")


def habits_of(file: LevelFile) -> dict[str, dict[str, str]]:
    """Return habit -> its answers in this level, for every habit that has some."""
    slots = file.slots
    found: dict[str, dict[str, str]] = {}
    if not any(slot.kind in WRITTEN for slot in slots.values()):
        for place, word in enumerate(PLACES):
            if all(place < len(slot.options) for slot in slots.values()):
                answers = {key: _at(slot, place) for key, slot in slots.items()}
                found[f"the {word} option"] = answers
        found["the last option"] = {key: _last(slot) for key, slot in slots.items()}
        found["the longest option"] = {key: _by_length(slot, -1) for key, slot in slots.items()}
        found["the shortest option"] = {key: _by_length(slot, 1) for key, slot in slots.items()}
    found["what is given"] = {
        key: ",".join(slot.options) for key, slot in slots.items() if slot.kind == "order"
    }
    if not any(slot.kind in NAMED for slot in slots.values()):
        found |= _by_call(slots, file.solution)
    return found


def _at(slot: Slot, place: int) -> str:
    options = list(slot.options)
    return ",".join(options) if slot.kind == "order" else options[place]


def _last(slot: Slot) -> str:
    options = list(slot.options)
    return ",".join(reversed(options)) if slot.kind == "order" else options[-1]


def _by_length(slot: Slot, sign: int) -> str:
    ordered = sorted(slot.options, key=lambda option: sign * len(slot.options[option]))
    return ",".join(ordered) if slot.kind == "order" else ordered[0]


def _by_call(slots: Mapping[str, Slot], solution: Mapping[str, str]) -> dict[str, dict[str, str]]:
    offers: dict[str, dict[str, str]] = {}
    for key, slot in slots.items():
        if slot.kind == "order":
            continue
        for option, text in slot.options.items():
            for call in calls_in(text):
                offers.setdefault(call, {}).setdefault(key, option)
    return {call: {**solution, **answers} for call, answers in offers.items()}


def calls_in(text: str) -> tuple[str, ...]:
    """Return the allocator calls of a C text as habits name them: `kzalloc(…, GFP_KERNEL)`."""
    calls = []
    for match in _CALL.finditer(text):
        if match[1] not in ALLOCATORS:
            continue
        flags = " | ".join(sorted(set(_FLAG.findall(_arguments(text, match.end())))))
        calls.append(f"{match[1]}(…, {flags})" if flags else f"{match[1]}(…)")
    return tuple(dict.fromkeys(calls))


def _arguments(text: str, start: int) -> str:
    depth = 1
    for index in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if not depth:
            return text[start:index]
    return text[start:]


def most_allowed(levels: int) -> int:
    """Return how many of so many levels one habit may pass."""
    return int(levels * SHARE)


def winners(won: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, list[str]]:
    """Return habit -> levels that it passes, from (level, habits that pass it)."""
    found: dict[str, list[str]] = {}
    for level, habits in won:
        for habit in habits:
            found.setdefault(habit, []).append(level)
    return found
