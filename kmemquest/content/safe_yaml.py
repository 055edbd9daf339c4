"""YAML 1.2 (core schema) read safely, with the place of every value.

PyYAML's C parser delivers events; the tree is built here, without recursion, so that size, depth
and aliases are bounded, duplicate keys are refused, and `no`, `1:30`, `010` mean what YAML 1.2
says (a string, a string, ten). Only plain data comes out: no tags, no objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from kmemquest.content.problem import Problem, ProblemsFound

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_ALIASES: Final = 64
MAX_NODES: Final = 50_000
"""Counted after aliases are followed, so that nested aliases cannot multiply."""

YamlPath: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the root to a value."""

_NULL: Final = re.compile(r"(?:~|null|Null|NULL|)\Z")
_TRUE: Final = re.compile(r"(?:true|True|TRUE)\Z")
_FALSE: Final = re.compile(r"(?:false|False|FALSE)\Z")
_INT: Final = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL: Final = re.compile(r"0o[0-7]+\Z")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_INFINITE: Final = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_MAX_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, both counted from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """A file's data and where each of its values and keys begins."""

    file: str
    data: Any
    marks: dict[YamlPath, Mark] = field(default_factory=dict)
    key_marks: dict[YamlPath, Mark] = field(default_factory=dict)
    block_lines: dict[YamlPath, int] = field(default_factory=dict)
    """Path of a block scalar -> the file line on which its text begins."""

    def mark(self, path: YamlPath, *, key: bool = False) -> Mark:
        """Return the place of a value (or of its key), else of the nearest thing around it."""
        if key and path in self.key_marks:
            return self.key_marks[path]
        while path not in self.marks and path:
            path = path[:-1]
        return self.marks.get(path, Mark(1, 1))

    def problem(
        self, path: YamlPath, message: str, hint: str = "", *, key: bool = False
    ) -> Problem:
        """Build a problem at the place of a value."""
        mark = self.mark(path, key=key)
        return Problem(self.file, mark.line, mark.column, message, hint)


def read_yaml(path: Path, name: str | None = None) -> Document:
    """Read a file; ProblemsFound tells why it cannot be read, with the place."""
    file = name or str(path)
    try:
        if path.exists() and not path.is_file():
            raise ProblemsFound([Problem(file, 0, 0, "not a file")])
        if path.stat().st_size > MAX_BYTES:
            raise ProblemsFound([_too_big(file)])
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        hint = "save the file as UTF-8"
        raise ProblemsFound(
            [Problem(file, 0, 0, f"not UTF-8 text: byte {error.start}", hint)]
        ) from None
    except OSError as error:
        message = f"cannot read: {error.strerror or error}"
        raise ProblemsFound([Problem(file, 0, 0, message)]) from None
    return parse_yaml(text, file)


def parse_yaml(text: str, file: str = "<text>") -> Document:
    """Parse one document; ProblemsFound holds every duplicate key, or the first syntax error."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ProblemsFound([_too_big(file)])
    composer = _Composer(file)
    try:
        for event in _events(text):
            composer.feed(event)
    except yaml.MarkedYAMLError as error:
        raise ProblemsFound([_syntax_problem(file, text, error)]) from None
    except yaml.YAMLError as error:
        raise ProblemsFound([Problem(file, 1, 1, f"not YAML: {error}")]) from None
    return composer.finish()


def _events(text: str) -> Iterator[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return iter(yaml.parse(text, Loader=loader))


def _too_big(file: str) -> Problem:
    return Problem(
        file, 0, 0, f"larger than {MAX_BYTES // 1024} KiB", "split it into several files"
    )


def _syntax_problem(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    if "simple key" in (error.context or "") or "flow" in (error.context or ""):
        mark = error.context_mark or mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    message = ": ".join(part for part in (error.context, error.problem) if part)
    rows = text.split("\n")
    row = rows[line - 1] if line <= len(rows) else ""
    hint = error.note or _syntax_hint(message, row)
    return Problem(file, line, column, f"not YAML: {message}", hint)


def _syntax_hint(message: str, row: str) -> str:
    """Say how to mend what the parser did not take on a line, in an author's words."""
    if "start any token" in message and "\t" in row[: len(row) - len(row.lstrip())]:
        return "this line begins with a tab: indent it with spaces"
    if "scanning an alias" in message or "scanning an anchor" in message:
        return "put text that begins with * or & in quotes"
    if "flow mapping" in message or "flow sequence" in message:
        return "this bracket is not closed; put text that begins with { or [ in quotes"
    if "mapping values" in message:
        return "put text that holds ': ' in quotes, and begin a key where its neighbours begin"
    if "expected key" in message or "'-' indicator" in message:
        return "begin this line in the same column as the others of its list or mapping"
    if "simple key" in message:
        return "indent text below | deeper than its key; what begins here is not"
    return "check the indentation (spaces only) and quote text that holds ': ' or '#'"


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    path: YamlPath
    anchor: str | None
    first_nodes: int
    key: str | None = None


class _Composer:
    """Builds data from parser events; a stack instead of recursion."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._document = Document(file, None)
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliases = 0
        self._nodes = 0
        self._documents = 0
        self._problems: list[Problem] = []

    def feed(self, event: Any) -> None:
        """Take one event of the parser."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(event, "a second document begins here", "one document per file")

    def finish(self) -> Document:
        """Return the document, or raise with all that was wrong."""
        if self._problems:
            raise ProblemsFound(self._problems)
        return self._document

    # --- events ---------------------------------------------------------------------------

    def _scalar(self, event: Any) -> None:
        plain = event.implicit[0] and event.tag is None
        if event.tag not in (None, "!"):
            self._wrong(event, f"tags such as {event.tag} are not allowed here", "write plain data")
        if self._expects_key():
            self._key(event)
            return
        if event.anchor and plain and not event.value:
            hint = "put text that begins with & in quotes"
            self._wrong(event, f"&{event.anchor} marks nothing", hint)
        path = self._next_path()
        value = _resolve(event.value) if plain else event.value
        if event.style in ("|", ">"):
            self._document.block_lines[path] = event.start_mark.line + 2
        self._place(event, path, value, 1)

    def _open(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            self._wrong(event, f"tags such as {event.tag} are not allowed here", "write plain data")
        if len(self._stack) >= MAX_DEPTH:
            self._stop(event, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        if self._expects_key():
            hint = "close the bracket before this place, or put text that begins with one in quotes"
            self._stop(event, "a key must be a word, not a collection", hint)
        path = self._next_path()
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._place(event, path, value, 1, anchored=False)
        self._stack.append(_Open(value, path, event.anchor, self._nodes))

    def _close(self) -> None:
        opened = self._stack.pop()
        if opened.anchor:
            self._anchors[opened.anchor] = (opened.value, self._nodes - opened.first_nodes + 1)

    def _alias(self, event: Any) -> None:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self._stop(event, f"more than {MAX_ALIASES} aliases", "write the values out")
        if event.anchor not in self._anchors:
            hint = f"put text that begins with * in quotes, or mark a value with &{event.anchor}"
            self._stop(event, f"alias *{event.anchor} has no finished anchor before it", hint)
        if self._expects_key():
            self._stop(event, "an alias cannot be a key", "write the key out")
        value, nodes = self._anchors[event.anchor]
        self._place(event, self._next_path(), value, nodes, anchored=False)

    # --- placing --------------------------------------------------------------------------

    def _expects_key(self) -> bool:
        top = self._stack[-1] if self._stack else None
        return top is not None and isinstance(top.value, dict) and top.key is None

    def _key(self, event: Any) -> None:
        top = self._stack[-1]
        assert isinstance(top.value, dict)
        word = event.value
        mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        path = (*top.path, word)
        if word in top.value:
            first = self._document.key_marks.get(path, mark)
            self._wrong(
                event,
                f"the key {word!r} is here for a second time",
                f"the first is in line {first.line}; keep one of them",
            )
        else:
            self._document.key_marks[path] = mark
        top.key = word

    def _next_path(self) -> YamlPath:
        if not self._stack:
            return ()
        top = self._stack[-1]
        if isinstance(top.value, list):
            return (*top.path, len(top.value))
        assert top.key is not None
        return (*top.path, top.key)

    def _place(
        self, event: Any, path: YamlPath, value: Any, nodes: int, *, anchored: bool = True
    ) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._stop(event, f"more than {MAX_NODES} values", "split the file")
        mark = event.start_mark
        self._document.marks.setdefault(path, Mark(mark.line + 1, mark.column + 1))
        if anchored and event.anchor:
            self._anchors[event.anchor] = (value, 1)
        if not self._stack:
            self._document.data = value
            return
        top = self._stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            assert top.key is not None
            top.value.setdefault(top.key, value)
            top.key = None

    # --- complaints -----------------------------------------------------------------------

    def _wrong(self, event: Any, message: str, hint: str = "") -> None:
        mark = event.start_mark
        self._problems.append(Problem(self._file, mark.line + 1, mark.column + 1, message, hint))

    def _stop(self, event: Any, message: str, hint: str = "") -> None:
        self._wrong(event, message, hint)
        raise ProblemsFound(self._problems)


def _resolve(text: str) -> Any:
    """Give a plain scalar its YAML 1.2 core-schema type."""
    if _NULL.match(text):
        return None
    if _TRUE.match(text):
        return True
    if _FALSE.match(text):
        return False
    if len(text) <= _MAX_DIGITS:
        if _INT.match(text):
            return int(text)
        if _OCTAL.match(text):
            return int(text, 0)
        if _HEX.match(text):
            return int(text, 16)
        if _FLOAT.match(text):
            return float(text)
    if _INFINITE.match(text):
        return float(text.replace(".", "", 1).lower())
    return text
