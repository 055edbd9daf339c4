"""Where a line of a built driver stands in the level file: in the driver, or in an option."""

from __future__ import annotations

import re

from kmemquest.content.safe_yaml import Mark, YamlPath
from kmemquest.level.load import Level
from kmemquest.level.source import DriverSource


def place_in_file(
    level: Level, source: DriverSource, answers: dict[str, str], line: int, column: int
) -> Mark:
    """Return the place in the level file of a place in the driver as it was built.

    What an option put in is placed at the option; lines behind a longer answer move up again.
    """
    document = level.document
    begin = document.block_lines.get(("driver",))
    if begin is None:
        return Mark(document.mark(("driver",)).line, 1)
    added = 0
    for place in source.places:
        ends = place.column + len(place.text.rsplit("\n", 1)[-1])
        after_start = (line, column) >= (place.first, place.column)
        if after_start and (line < place.last or (line == place.last and column <= ends)):
            path: YamlPath = ("slots", place.slot, "options", answers.get(place.slot, ""))
            return document.mark(path) if path in document.marks else document.mark(path[:2])
        if line > place.last:
            added += place.last - place.first
    return Mark(begin + line - 1 - added, column)


def in_file_lines(level: Level, hint: str) -> str:
    """Return a compiler's hint with its line of the driver counted in the level file."""
    begin = level.document.block_lines.get(("driver",), 1)
    return re.sub(r"\bline (\d+)", lambda found: f"line {begin + int(found[1]) - 1}", hint)
