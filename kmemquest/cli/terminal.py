"""A person at a terminal: lines that can be edited, prose that ends at the terminal's edge.

Through a pipe nothing is changed: every line is read and printed as it is.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final
from unicodedata import east_asian_width

_HANGING: Final = re.compile(r" *(?:(?:[a-z]\)|[0-9]+\.|[→✓✗]+) +)?")
"""What the further rows of a line stand below: its blanks, the letter of an option, a number."""
_NO_LINE_START: Final = "，。、；：？！）》」』”’…"
_NARROWEST: Final = 30
"""Columns below which nothing is wrapped: the terminal cuts no worse."""


def read_line(prompt: str = "> ") -> str | None:
    """Read a line without its end, None at the end of the input.

    At a terminal the line can be edited, and lines before it can be called back.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(prompt, end="", flush=True)
        line = sys.stdin.readline()
        return line.rstrip("\n") if line else None
    with suppress(ImportError):
        import readline  # noqa: F401 - input() edits lines once it is loaded
    try:
        return input(prompt)
    except EOFError:
        print()
        return None


def print_prose(lines: Iterable[str]) -> None:
    """Print lines of text, wrapped between words if a person reads them at a terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in lines:
        for row in wrapped(line, width):
            print(row)


def wrapped(line: str, width: int) -> Iterator[str]:
    """Yield a line in rows of at most `width` cells; whole if it fits, or if `width` is too small.

    Further rows are indented like the text of the first.
    """
    found = _HANGING.match(line)
    indent = found[0] if found else ""
    room = width - _cells(indent)
    if width < _NARROWEST or _cells(line) <= width or room < _NARROWEST // 2:
        yield line
        return
    start, row = indent, ""
    for word in _words(line[len(indent) :]):
        if row and _cells(row + word.rstrip()) > room:
            yield start + row.rstrip()
            start, row = " " * _cells(indent), ""
        row += word
    yield start + row.rstrip()


def _cells(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def _words(text: str) -> Iterator[str]:
    """Yield pieces after each of which a row may end: words with their blanks, wide characters."""
    piece = ""
    for sign, after in zip(text, [*text[1:], ""], strict=True):
        piece += sign
        wide = "W" in (east_asian_width(sign), east_asian_width(after) if after else "")
        if after and (after in _NO_LINE_START or after == " "):
            continue
        if sign == " " or wide:
            yield piece
            piece = ""
    if piece:
        yield piece
