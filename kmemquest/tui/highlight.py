"""Colours for C: one regular expression, line by line, without any library.

A listing of fifty lines needs no lexer that knows C better than this; Pygments would cost more
at start-up than the rest of the screen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

Piece = tuple[str, str]
"""A tone word and the text that has it."""

_KEYWORDS: Final = (
    "auto break case const continue default do else enum extern for goto if inline register return"
    " sizeof static struct switch typedef union volatile while __init __exit __iomem __user"
    " __percpu __initdata"
)
_TYPES: Final = (
    "void char short int long float double signed unsigned bool size_t ssize_t u8 u16 u32 u64 s8"
    " s16 s32 s64 gfp_t dma_addr_t phys_addr_t irqreturn_t __le16 __le32 __le64 loff_t"
)
_TOKEN: Final = re.compile(
    r"(?P<comment>//.*|/\*.*?(?:\*/|$))"
    r"|(?P<string>\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?)"
    r"|(?P<macro>^\s*\#\s*\w+(?:\s*<[^>]*>)?|\b[A-Z_][A-Z0-9_]{2,}\b)"
    r"|(?P<number>\b0[xX][0-9a-fA-F]+[uUlL]*\b|\b\d+[uUlL]*\b)"
    rf"|(?P<keyword>\b(?:{'|'.join(_KEYWORDS.split())})\b)"
    rf"|(?P<type>\b(?:{'|'.join(_TYPES.split())})\b)"
)


def highlight(line: str, in_comment: bool = False) -> tuple[list[Piece], bool]:
    """The pieces of a line, and whether it ends inside a block comment."""
    pieces: list[Piece] = []
    position = 0
    if in_comment:
        end = line.find("*/")
        if end < 0:
            return [("comment", line)], True
        position = end + 2
        pieces.append(("comment", line[:position]))
    open_comment = False
    for match in _TOKEN.finditer(line, position):
        if match.start() > position:
            pieces.append(("plain", line[position : match.start()]))
        tone = match.lastgroup or "plain"
        text = match.group()
        pieces.append((tone, text))
        position = match.end()
        open_comment = tone == "comment" and text.startswith("/*") and not text.endswith("*/")
    if position < len(line):
        pieces.append(("plain", line[position:]))
    return pieces, open_comment


def comment_states(lines: Sequence[str]) -> bytes:
    """One byte per line: 1 where the line begins inside a block comment."""
    states = bytearray()
    inside = False
    for line in lines:
        states.append(inside)
        if inside or "/*" in line:
            inside = highlight(line, inside)[1]
    return bytes(states)
