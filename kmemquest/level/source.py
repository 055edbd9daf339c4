"""The driver text of a level: markers, what the player sees, what is compiled.

A marker `/*@slot name*/` stands for an open place. Substituting an answer changes nothing before
the marker, so a line of one-line answers keeps its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

MARKER: Final = re.compile(r"/\*@slot ([a-z][a-z0-9_-]*)\*/")


@dataclass(frozen=True, slots=True)
class SlotPlace:
    """Where a slot's text lies in a source: lines from `first` to `last`, counted from 1.

    `column` counts from 1 and is that of the first character.
    """

    slot: str
    first: int
    last: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class DriverSource:
    """A driver with answers put in."""

    text: str
    places: tuple[SlotPlace, ...]

    def lines_of(self, slot: str) -> range:
        """Return the line numbers that a slot's text covers."""
        for place in self.places:
            if place.slot == slot:
                return range(place.first, place.last + 1)
        return range(0)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a line: C text, or an open slot (then `slot` is its name)."""

    text: str
    slot: str = ""


def slots_in(driver: str) -> list[str]:
    """Return the names of the markers, in order of appearance, repeats included."""
    return MARKER.findall(driver)


def substitute(driver: str, texts: Mapping[str, str]) -> DriverSource:
    """Put texts in the place of the markers; a slot without text keeps its marker."""
    parts: list[str] = []
    places: list[SlotPlace] = []
    line, position, line_start, written = 1, 0, 0, 0
    for match in MARKER.finditer(driver):
        before = driver[position : match.start()]
        text = texts.get(match[1], match[0])
        parts += [before, text]
        written += len(before)
        if "\n" in before:
            line += before.count("\n")
            line_start = written - (len(before) - before.rindex("\n") - 1)
        last = line + text.count("\n")
        places.append(SlotPlace(match[1], line, last, written - line_start + 1, text))
        written += len(text)
        if "\n" in text:
            line = last
            line_start = written - (len(text) - text.rindex("\n") - 1)
        position = match.end()
    parts.append(driver[position:])
    return DriverSource("".join(parts), tuple(places))


def fragments(driver: str) -> tuple[tuple[Fragment, ...], ...]:
    """Return the driver's lines as fragments, for a screen that draws slots its own way."""
    lines = []
    for text in driver.rstrip("\n").split("\n"):
        parts: list[Fragment] = []
        position = 0
        for match in MARKER.finditer(text):
            if match.start() > position:
                parts.append(Fragment(text[position : match.start()]))
            parts.append(Fragment(match[0], match[1]))
            position = match.end()
        if position < len(text) or not parts:
            parts.append(Fragment(text[position:]))
        lines.append(tuple(parts))
    return tuple(lines)


def define_of(constant: str) -> re.Pattern[str]:
    """Return the pattern of a #define line: what stands before the value, and the value."""
    name = re.escape(constant)
    value = r"([^\s/].*?)(?=[ \t]*(?:/\*|//|$))"
    return re.compile(rf"^(#[ \t]*define[ \t]+{name}[ \t]+){value}", re.MULTILINE)


def with_constant(driver: str, constant: str, value: str) -> str:
    """Return the driver with another value behind `#define constant`."""
    return define_of(constant).sub(lambda match: match[1] + value, driver, count=1)


def duplicates(names: Iterable[str]) -> list[str]:
    """Return names that come more than once, in order of their second coming."""
    seen: set[str] = set()
    twice = []
    for name in names:
        if name in seen and name not in twice:
            twice.append(name)
        seen.add(name)
    return twice
