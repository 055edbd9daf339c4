"""Values of C literals: integers with suffixes, characters, strings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_INTEGER: Final = re.compile(
    r"(0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)([uUlL]{0,3})", re.ASCII
)
_MOST_DIGITS: Final = 80
_SUFFIXES: Final = frozenset({"", "u", "l", "ul", "lu", "ll", "ull", "llu"})
_SIMPLE: Final = {
    "n": 10, "t": 9, "r": 13, "0": 0, "a": 7, "b": 8, "f": 12, "v": 11, "e": 27,
    "\\": 92, "'": 39, '"': 34, "?": 63,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class IntegerLiteral:
    """An integer constant: its value, base and lower-case suffix."""

    value: int
    decimal: bool
    suffix: str


def integer_literal(text: str) -> IntegerLiteral | None:
    """Read an integer constant; None when the text is none."""
    match = _INTEGER.fullmatch(text)
    if match is None or match.group(2).lower() not in _SUFFIXES:
        return None
    digits, suffix = match.group(1), match.group(2).lower()
    base = 10
    if digits[0] == "0":
        base = {"x": 16, "b": 2}.get(digits[1:2].lower(), 8)
        digits = digits[2 if base in (16, 2) else 1 :].lstrip("0") or "0"
    # Digits beyond these change nothing: the constant is too large for any type already.
    value = int(digits[:_MOST_DIGITS], base)
    return IntegerLiteral(value, decimal=base == 10, suffix=suffix)


def string_bytes(literal: str) -> bytes:
    """Return the bytes of one or more adjacent literals, without the closing NUL."""
    out = bytearray()
    for piece in re.findall(r'"((?:\\[\s\S]|[^"\\])*)"', literal):
        out += _unescape(piece)
    return bytes(out)


def char_value(literal: str) -> int:
    """Return the value of a character constant as an int (`char` is signed on x86)."""
    data = _unescape(literal[1:-1])
    if len(data) == 1:
        return data[0] - 256 if data[0] > 127 else data[0]
    value = int.from_bytes(data[-4:] or b"\0", "big")
    return value - (1 << 32) if value >= 1 << 31 else value


def _unescape(text: str) -> bytes:
    if "\\" not in text:
        return text.encode("utf-8", "surrogateescape")
    out = bytearray()
    index = 0
    while index < len(text):
        char = text[index]
        if char != "\\" or index + 1 >= len(text):
            out += char.encode("utf-8", "surrogateescape")
            index += 1
            continue
        follow = text[index + 1]
        if follow in "01234567":
            match = re.compile("[0-7]{1,3}").match(text, index + 1)
            assert match is not None
            out.append(int(match.group(), 8) & 0xFF)
            index = match.end()
        elif follow == "x":
            match = re.compile("[0-9a-fA-F]*").match(text, index + 2)
            assert match is not None
            out.append(int(match.group() or "0", 16) & 0xFF)
            index = match.end()
        elif follow in "uU":
            width = 4 if follow == "u" else 8
            digits = text[index + 2 : index + 2 + width]
            try:
                out += chr(int(digits, 16)).encode("utf-8", "replace")
            except (ValueError, OverflowError):
                out += b"?"
            index += 2 + width
        else:
            value = _SIMPLE.get(follow)
            out += bytes([value]) if value is not None else follow.encode("utf-8")
            index += 2
    return bytes(out)
