"""Preprocessing tokens: cutting C source, with every token's line and column kept."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_MASTER: Final = re.compile(
    r"""(?P<newline>\n)
    |(?P<space>(?:[ \t\f\v\r]|\\\r?\n)+)
    |(?P<id>[A-Za-z_$][\w$]*)
    |(?P<number>\.?[0-9](?:[eEpP][+-]|[\w.])*)
    |(?P<comment>//(?:\\\r?\n|[^\n])*|/\*[\s\S]*?(?:\*/|\Z))
    |(?P<op>\.\.\.|<<=|>>=|\+\+|--|->|&&|\|\||<<|>>|<=|>=|==|!=|\*=|/=|%=|\+=|-=|&=|\|=|\^=|\#\#
        |[-+*/%&|~^!<>=?:;,.()\[\]{}\#])
    |(?P<string>"(?:\\[\s\S]|[^"\\\n])*"?)
    |(?P<char>'(?:\\[\s\S]|[^'\\\n])*'?)
    |(?P<bad>[\s\S])""",
    re.VERBOSE | re.ASCII,
)


UNTERMINATED_COMMENT: Final = "/*"
"""The text of the `bad` token that stands for a comment without an end."""


class PPToken:
    """A preprocessing token; `hide` names the macros that may not expand it again."""

    __slots__ = ("column", "file", "hide", "kind", "line", "space", "text")

    def __init__(
        self,
        kind: str,
        text: str,
        file: str,
        line: int,
        column: int,
        space: bool,
        hide: frozenset[str] = frozenset(),
    ) -> None:
        self.kind = kind
        self.text = text
        self.file = file
        self.line = line
        self.column = column
        self.space = space
        self.hide = hide

    def at(self, place: PPToken, hide: frozenset[str]) -> PPToken:
        """Return this token as it appears where a macro was used."""
        return PPToken(self.kind, self.text, place.file, place.line, place.column, self.space, hide)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.text!r} {self.line}:{self.column}>"


def _closed(literal: str) -> bool:
    """Whether a literal has its closing quote; an empty character constant has none."""
    if len(literal) < (2 if literal[0] == '"' else 3) or literal[-1] != literal[0]:
        return False
    slashes = len(literal) - 1 - len(literal[:-1].rstrip("\\"))
    return slashes % 2 == 0


def cut(source: str, file: str) -> list[list[PPToken]]:
    """Cut source text into logical lines of tokens; comments and blanks become `space`."""
    lines: list[list[PPToken]] = []
    current: list[PPToken] = []
    line, start, space = 1, 0, False
    for match in _MASTER.finditer(source):
        kind = match.lastgroup
        if kind == "newline":
            if current:
                lines.append(current)
                current = []
            line += 1
            start = match.end()
            space = False
        elif kind == "space" or kind == "comment":
            space = True
            text = match.group()
            if text[:2] == "/*" and (len(text) < 4 or text[-2:] != "*/"):
                column = match.start() - start + 1
                current.append(PPToken("bad", UNTERMINATED_COMMENT, file, line, column, space))
            if "\n" in text:
                line += text.count("\n")
                start = match.start() + text.rindex("\n") + 1
        else:
            text = match.group()
            assert kind is not None
            if kind in ("string", "char") and not _closed(text):
                kind = "bad"
            column = match.start() - start + 1
            current.append(PPToken(kind, text, file, line, column, space))
            if "\n" in text:
                current[-1].text = text.replace("\\\r\n", "").replace("\\\n", "")
                line += text.count("\n")
                start = match.start() + text.rindex("\n") + 1
            space = False
    if current:
        lines.append(current)
    return lines


@lru_cache(maxsize=512)
def cut_header(source: str, file: str) -> tuple[tuple[PPToken, ...], ...]:
    """The same for a header; its tokens are shared between builds and never changed."""
    return tuple(tuple(line) for line in cut(source, file))
