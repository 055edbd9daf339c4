"""The preprocessor: directives, headers of our own include folder only, and macro expansion.

Every token that comes out carries the line and column of the driver's file: of the token itself, or
of the macro use that made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import Final

from kmemquest.driver.condition import BadCondition, Condition
from kmemquest.driver.diagnostics import BuildStop, DiagnosticSink, Position
from kmemquest.driver.header_index import INCLUDE_FOLDER
from kmemquest.driver.limits import EXPANDED_TOKENS, INCLUDE_DEPTH, SOURCE_TOKENS
from kmemquest.driver.macros import Macro, MacroExpander, TooMuch
from kmemquest.driver.syntax import explain_stray
from kmemquest.driver.tokens import PPToken, cut_header

Lines = Sequence[Sequence[PPToken]]

_PREDEFINED: Final = """
__KERNEL__ 1|__x86_64__ 1|__x86_64 1|__linux__ 1|__GNUC__ 12|__GNUC_MINOR__ 2|__STDC__ 1
__STDC_VERSION__ 201112L|__CHAR_BIT__ 8|__SIZEOF_INT__ 4|__SIZEOF_LONG__ 8|__SIZEOF_SHORT__ 2
__SIZEOF_LONG_LONG__ 8|__SIZEOF_POINTER__ 8|__SIZE_TYPE__ unsigned long|__BYTE_ORDER__ 1234
__ORDER_LITTLE_ENDIAN__ 1234|__ORDER_BIG_ENDIAN__ 4321|__INT_MAX__ 0x7fffffff|__LP64__ 1
__LONG_MAX__ 0x7fffffffffffffffL|CONFIG_64BIT 1|CONFIG_X86_64 1
"""


@lru_cache(maxsize=512)
def _read_header(name: str, folder: str) -> str | None:
    if name.startswith("/") or ".." in name.split("/") or "\\" in name:
        return None
    path = Path(folder) / name
    try:
        return path.read_text("utf-8") if path.is_file() else None
    except (OSError, ValueError):
        return None


class Preprocessor:
    """Turns lines of tokens into one list of expanded tokens; keeps macros between calls."""

    def __init__(self, sink: DiagnosticSink, include_folder: Path | None = None) -> None:
        self.sink = sink
        self.expander = MacroExpander(sink)
        self.folder = str(include_folder or INCLUDE_FOLDER)
        self.once: set[str] = set()
        self.guards: dict[str, str] = {}
        self._depth = 0
        self._out: list[PPToken] = []
        self._pending: list[PPToken] = []

    @property
    def macros(self) -> dict[str, Macro]:
        """Name -> macro, as defined so far."""
        return self.expander.macros

    def predefine(self, *, module: bool) -> None:
        """Define what the compiler and Kbuild define before the first line."""
        words = [w for line in _PREDEFINED.split("\n") for w in line.split("|") if w]
        for word in [*words, *(["MODULE 1"] if module else [])]:
            name, _, body = word.partition(" ")
            self.define_text(name, body)

    def define_text(self, name: str, body: str) -> None:
        """Define an object-like macro from text."""
        tokens = tuple(t for line in cut_header(body, "<built-in>") for t in line)
        self.macros[name] = Macro(name, tokens, None, "", Position("<built-in>", 1, 1))

    def run(self, lines: Lines) -> list[PPToken]:
        """Process one file's lines and return what they expand to."""
        self._out = []
        self.expander.budget = EXPANDED_TOKENS
        try:
            self._process(lines)
            self._flush()
        except TooMuch as found:
            self.sink.error(
                _place(found.place),
                "the macros used here expand to more than can be compiled",
                "look for macros that multiply each other, or call each other without end",
            )
            raise BuildStop from None
        return self._out

    def run_driver(self, lines: Lines) -> list[PPToken]:
        """The same for the driver's own lines, which may not be too many."""
        tokens = self.run(lines)
        if len(tokens) > SOURCE_TOKENS:
            self.sink.error(
                _place(tokens[SOURCE_TOKENS]),
                f"the driver is longer than {SOURCE_TOKENS:,} words and signs",
                "keep to the part of the driver that is about memory",
            )
            raise BuildStop
        return tokens

    # --- files ------------------------------------------------------------------------------

    def include(self, name: str, where: PPToken | None, *, quoted: bool = False) -> None:
        """Read a header of the include folder in place."""
        if name in self.once or self.guards.get(name, " ") in self.macros:
            return
        place = _place(where) if where is not None else Position("<command line>", 1, 1)
        source = _read_header(name, self.folder)
        if source is None:
            hint = "only the kernel headers that KMemQuest ships can be included"
            if quoted:
                hint = "a driver is one file here: put the contents of the header into it"
            elif name in _USER_HEADERS:
                hint = _USER_HEADERS[name]
            elif near := _near_header(name):
                hint = f"did you mean <{near}>? {hint}"
            self.sink.error(place, f"{name}: No such file or directory", hint)
            raise BuildStop
        if self._depth >= INCLUDE_DEPTH:
            self.sink.error(
                place,
                f"#include nested depth {self._depth} exceeds maximum of {INCLUDE_DEPTH}",
                "two headers include each other without a guard",
            )
            raise BuildStop
        self._depth += 1
        lines = cut_header(source, name)
        guard = _guard_of(lines)
        self._process(lines)
        self._flush()
        if guard:
            self.guards[name] = guard
        self._depth -= 1

    def _process(self, lines: Lines) -> None:
        stack: list[list[object]] = []
        """Per open #if: [taking, a branch was taken, outer taking, the # token, saw else]."""
        taking = True
        pending = self._pending
        for line in lines:
            head = line[0]
            if head.text != "#" or head.kind != "op":
                if taking:
                    pending.extend(line)
                    if any(token.kind == "bad" for token in line):
                        self._refuse_unclosed(line)
                continue
            name = line[1].text if len(line) > 1 else ""
            if name in ("if", "ifdef", "ifndef"):
                chosen = taking and self._condition(name, line)
                stack.append([chosen, chosen, taking, head, False])
                taking = chosen
            elif name in ("elif", "else", "endif"):
                if not stack:
                    self.sink.error(_place(head), f"#{name} without #if", f"remove the #{name}")
                    continue
                top = stack[-1]
                if name == "endif":
                    taking = bool(top[2])
                    stack.pop()
                elif top[4]:
                    self.sink.error(_place(head), f"#{name} after #else", "one #else per #if")
                elif name == "else":
                    taking = bool(top[2]) and not top[1]
                    top[1], top[4] = True, True
                else:
                    taking = bool(top[2]) and not top[1] and self._condition("if", line)
                    top[1] = bool(top[1]) or taking
            elif taking:
                self._flush()
                self._directive(name, line)
        for top in stack:
            head = top[3]  # type: ignore[assignment]
            self.sink.error(_place(head), "unterminated #if", "add the missing #endif")

    def _refuse_unclosed(self, line: Sequence[PPToken]) -> None:
        # An open literal or comment swallows what follows: anything said later would mislead.
        for token in line:
            if token.kind == "bad" and token.text[:1] in ("'", '"', "/"):
                self.sink.error(_place(token), *explain_stray(token.text))
                raise BuildStop

    def _flush(self) -> None:
        if self._pending:
            tokens = list(self._pending)
            self._pending.clear()
            self._out.extend(self.expander.expand(tokens))

    # --- directives -------------------------------------------------------------------------

    def _directive(self, name: str, line: Sequence[PPToken]) -> None:
        head = line[0]
        if name == "define":
            self._define(line)
        elif name == "undef":
            if len(line) > 2:
                self.macros.pop(line[2].text, None)
        elif name == "include":
            self._include_line(line)
        elif name == "pragma":
            if len(line) > 2 and line[2].text == "once":
                self.once.add(head.file)
        elif name in ("error", "warning"):
            text = " ".join(t.text for t in line[2:])
            if name == "error":
                self.sink.error(_place(head), f"#error {text}", "see the condition around it")
            else:
                self.sink.warn(_place(head), "-Wcpp", f"#warning {text}")
        elif name and name != "line" and line[1].kind != "number":
            self.sink.error(
                _place(line[1]),
                f"invalid preprocessing directive #{name}",
                "known are #define, #undef, #include, #if…, #error, #pragma",
            )

    def _include_line(self, line: Sequence[PPToken]) -> None:
        rest = list(line[2:])
        if rest and rest[0].kind == "id":
            rest = self.expander.expand(rest)
        if rest and rest[0].kind == "string":
            # Kbuild passes no -I for the module's folder, yet quotes fall back to <…>.
            self._end_of_include(rest[1:])
            self.include(rest[0].text[1:-1], rest[0], quoted=True)
            return
        if rest and rest[0].text == "<":
            parts: list[str] = []
            for index, token in enumerate(rest[1:], 2):
                if token.text == ">":
                    self._end_of_include(rest[index:])
                    self.include("".join(parts), rest[0])
                    return
                parts.append((" " if token.space else "") + token.text)
        self.sink.error(
            _place(line[1]),
            '#include expects "FILENAME" or <FILENAME>',
            "write e.g. #include <linux/slab.h>",
        )

    def _end_of_include(self, left: Sequence[PPToken]) -> None:
        if left:
            self.sink.warn(_place(left[0]), "", "extra tokens at end of #include directive")

    def _define(self, line: Sequence[PPToken]) -> None:
        if len(line) < 3 or line[2].kind != "id":
            place = line[2] if len(line) > 2 else line[1]
            self.sink.error(
                _place(place), "macro names must be identifiers", "write #define NAME value"
            )
            return
        name = line[2]
        parameters: list[str] | None = None
        variadic = ""
        body_start = 3
        if len(line) > 3 and line[3].text == "(" and not line[3].space:
            parameters = []
            index = 4
            while index < len(line) and line[index].text != ")":
                text = line[index].text
                if text == "...":
                    variadic = variadic or "__VA_ARGS__"
                    if parameters and line[index - 1].kind == "id":
                        variadic = parameters.pop()
                elif line[index].kind == "id":
                    parameters.append(text)
                elif text != ",":
                    self.sink.error(
                        _place(line[index]),
                        f'expected parameter name, found "{text}"',
                        "write #define NAME(a, b) …",
                    )
                    return
                index += 1
            if index >= len(line):
                self.sink.error(
                    _place(name), "expected ‘)’ before end of line", "close the parameter list"
                )
                return
            body_start = index + 1
        macro = Macro(
            name.text,
            tuple(line[body_start:]),
            None if parameters is None else tuple(parameters),
            variadic,
            _place(name),
        )
        before = self.macros.get(name.text)
        if before is not None and not before.same_as(macro):
            self.sink.warn(
                _place(name),
                "",
                f'"{name.text}" redefined',
                f"choose another name: {before.where.file} of the kernel has {name.text}"
                if before.where.file != name.file
                else "use another name, or #undef the first",
            )
            self.sink.note(before.where, "this is the location of the previous definition")
        self.macros[name.text] = macro

    # --- conditions -------------------------------------------------------------------------

    def _condition(self, name: str, line: Sequence[PPToken]) -> bool:
        self._flush()
        rest = line[2:]
        if name != "if":
            if not rest:
                self.sink.error(_place(line[0]), f"no macro name given in #{name}", "add a name")
                return False
            return (rest[0].text in self.macros) == (name == "ifdef")
        try:
            replaced = self._answer_questions(rest)
            return bool(Condition(self.expander.expand(replaced)).value())
        except BadCondition as problem:
            self.sink.error(_place(line[0]), str(problem), "mend the condition")
            return False

    def _answer_questions(self, tokens: Sequence[PPToken]) -> list[PPToken]:
        out: list[PPToken] = []
        index = 0
        while index < len(tokens):
            token = tokens[index]
            index += 1
            if token.text == "defined":
                parens = index < len(tokens) and tokens[index].text == "("
                index += parens
                if index >= len(tokens):
                    raise BadCondition("operator ‘defined’ requires an identifier")
                known = tokens[index].text in self.macros
                index += 1 + parens
                out.append(_number(int(known), token))
            elif token.text.startswith("__has_"):
                while index < len(tokens) and tokens[index].text != ")":
                    index += 1
                index += 1
                out.append(_number(0, token))
            else:
                out.append(token)
        return out


@cache
def shipped_headers() -> list[str]:
    """Return the names of the headers that can be included."""
    return sorted(str(path.relative_to(INCLUDE_FOLDER)) for path in INCLUDE_FOLDER.rglob("*.h"))


_USER_HEADERS: Final = {
    "stdio.h": "a kernel module has no C library: use pr_info() from <linux/printk.h>",
    "stdlib.h": "a kernel module has no C library: use kmalloc()/kfree() from <linux/slab.h>",
    "string.h": "write #include <linux/string.h>",
    "stdint.h": "write #include <linux/types.h>",
    "stdbool.h": "write #include <linux/types.h>",
    "stddef.h": "write #include <linux/stddef.h>",
    "errno.h": "write #include <linux/errno.h>",
    "unistd.h": "a kernel module makes no system calls",
}


def _number(value: int, place: PPToken) -> PPToken:
    return PPToken("number", str(value), place.file, place.line, place.column, place.space)


def _place(token: PPToken) -> Position:
    return Position(token.file, token.line, token.column)


def _guard_of(lines: Lines) -> str:
    """Return the macro of an include guard that spans the whole header, or an empty string."""
    if len(lines) < 3 or [t.text for t in lines[0][:2]] != ["#", "ifndef"]:
        return ""
    if [t.text for t in lines[-1]] != ["#", "endif"]:
        return ""
    name = lines[0][2].text if len(lines[0]) > 2 else ""
    depth = 0
    for number, line in enumerate(lines):
        if line[0].text != "#" or len(line) < 2:
            continue
        if line[1].text in ("if", "ifdef", "ifndef"):
            depth += 1
        elif line[1].text == "endif":
            depth -= 1
            if depth == 0 and number < len(lines) - 1:
                return ""
        elif line[1].text in ("else", "elif") and depth == 1:
            return ""
    return name


def _near_header(name: str) -> str:
    """Return the shipped header of nearly the same name, wherever it lies, or nothing."""
    headers = sorted(shipped_headers(), key=lambda header: header.startswith("linux/"))
    stems = {PurePosixPath(header).stem: header for header in headers}
    near = get_close_matches(PurePosixPath(name).stem, stems, n=1, cutoff=0.87)
    return stems[near[0]] if near else ""
