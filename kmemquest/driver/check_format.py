"""-Wformat for printk and its relatives, in gcc's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from kmemquest.driver.c_types import (
    CHAR,
    INT,
    LLONG,
    LONG,
    SCHAR,
    SHORT,
    UCHAR,
    UINT,
    ULLONG,
    ULONG,
    USHORT,
    VOID,
    ArrayType,
    CType,
    IntType,
    PointerType,
    decayed,
    promoted,
    quoted,
    without_const,
)
from kmemquest.driver.diagnostics import DiagnosticSink, Position
from kmemquest.driver.parse import Attribute
from kmemquest.driver.values import Value

DIRECTIVE: Final = re.compile(
    r"%(?P<flags>[-+ #0]*)(?P<width>\*|\d+)?(?:\.(?P<precision>\*|-?\d+)?)?"
    r"(?P<length>hh|h|ll|l|L|z|t|j|q)?(?P<conversion>[\s\S]|$)"
)
_SIGNED: Final = {"": INT, "hh": SCHAR, "h": SHORT, "l": LONG, "ll": LLONG, "L": LLONG, "q": LLONG,
                  "z": LONG, "t": LONG, "j": LONG}  # fmt: skip
_UNSIGNED: Final = {"": UINT, "hh": UCHAR, "h": USHORT, "l": ULONG, "ll": ULLONG, "L": ULLONG,
                    "q": ULLONG, "z": ULONG, "t": ULONG, "j": ULONG}  # fmt: skip
_NAMES: Final = {"z": ("signed size_t", "size_t"), "t": ("ptrdiff_t", "unsigned ptrdiff_t"),
                 "j": ("intmax_t", "uintmax_t")}  # fmt: skip


def check_format(
    sink: DiagnosticSink,
    attribute: Attribute,
    values: list[Value],
    nodes: list[Any],
    at: Callable[[Any], Position],
    call: Any,
) -> None:
    """Check the arguments of one call against its format string."""
    numbers = [int(a) for a in attribute.arguments if a.isdigit()]
    if len(numbers) != 2 or numbers[0] > len(values):
        return
    form, first = values[numbers[0] - 1], numbers[1]
    where = at(call)
    if form.literal is None:
        if first and len(values) < first and not form.symbol:
            sink.advise(
                where,
                "-Wformat-security",
                "format not a string literal and no format arguments",
                'write printk("%s", text): text may contain a %',
            )
        return
    if first == 0:
        return
    text = form.literal.decode("latin-1")
    position = first - 1
    end = 0
    for match in DIRECTIVE.finditer(text):
        if match.start() < end:
            continue
        end = match.end()
        shown = match.group()
        conversion = match.group("conversion")
        if conversion == "%":
            continue
        if conversion == "":
            sink.warn(
                where, "-Wformat=", "spurious trailing ‘%’ in format", "write %% for a percent sign"
            )
            return
        stars = [match.group("width") == "*", match.group("precision") == "*"]
        for part, star in zip(("width", "precision"), stars, strict=True):
            if star:
                if position >= len(values):
                    _missing(sink, where, "*", INT)
                    return
                given = values[position]
                if not _like_int(given.type):
                    sink.warn(
                        at(nodes[position]), "-Wformat=",
                        f"field {part} specifier ‘*’ expects argument of type ‘int’, but argument "
                        f"{position + 1} has type {quoted(given.type)}",
                        "pass an int",
                    )  # fmt: skip
                position += 1
        wanted = _wanted(conversion, match.group("length") or "")
        if wanted is None:
            sink.warn(
                where, "-Wformat=", f"unknown conversion type character ‘{conversion}’ in format",
                "printk knows d i u x X o c s p (with the kernel's %p extensions)",
            )  # fmt: skip
            return
        if position >= len(values):
            _missing(sink, where, shown, wanted[0], wanted[1])
            return
        given = values[position]
        if not _accepts(conversion, wanted[0], given):
            sink.warn(
                where,
                "-Wformat=",
                f"format ‘{shown}’ expects argument of type {wanted[1]}, but argument "
                f"{position + 1} has type {quoted(promoted(given.type))}",
                _advice(given.type, conversion),
            )
        position += 1
    if position < len(values):
        sink.warn(
            where, "-Wformat-extra-args", "too many arguments for format",
            "remove the argument, or add a conversion for it",
        )  # fmt: skip


def _missing(
    sink: DiagnosticSink, where: Position, shown: str, ctype: CType, name: str = ""
) -> None:
    sink.warn(
        where, "-Wformat=",
        f"format ‘{shown}’ expects a matching {name or quoted(ctype)} argument",
        "add the argument that the format asks for",
    )  # fmt: skip


def _wanted(conversion: str, length: str) -> tuple[CType, str] | None:
    if conversion in "di":
        return _named(_SIGNED[length], length, 0)
    if conversion in "uxXo":
        return _named(_UNSIGNED[length], length, 1)
    if conversion == "c":
        return INT, "‘int’"
    if conversion == "s":
        return PointerType(CHAR), "‘char *’"
    if conversion == "p":
        return PointerType(VOID), "‘void *’"
    return None


def _named(ctype: IntType, length: str, index: int) -> tuple[CType, str]:
    if length in _NAMES:
        return ctype, f"‘{_NAMES[length][index]}’"
    return ctype, quoted(ctype)


def _accepts(conversion: str, wanted: CType, given: Value) -> bool:
    ctype = without_const(decayed(given.type))
    if conversion == "p":
        return isinstance(ctype, PointerType | ArrayType)
    if conversion == "s":
        return (
            isinstance(ctype, PointerType)
            and isinstance(ctype.target, IntType)
            and ctype.target.bytes == 1
        )
    if not isinstance(ctype, IntType):
        return False
    assert isinstance(wanted, IntType)
    actual = promoted(ctype)
    assert isinstance(actual, IntType)
    if wanted.bytes < 4 or conversion == "c":
        return actual.bytes == 4
    # long and long long differ for the check although both have 8 bytes; size_t is unsigned long.
    return actual.bits == wanted.bits and actual.rank == wanted.rank


def _like_int(ctype: CType) -> bool:
    actual = promoted(ctype)
    return isinstance(actual, IntType) and actual.bytes == 4


def _advice(ctype: CType, conversion: str) -> str:
    plain = without_const(decayed(ctype))
    if isinstance(plain, PointerType):
        if isinstance(plain.target, IntType) and plain.target.bytes == 1:
            return "use %s for text or %p for the pointer"
        return "use %p for a pointer"
    if isinstance(plain, IntType):
        if conversion == "s":
            return "%s needs a char *: a number would be read as an address"
        actual = promoted(plain)
        assert isinstance(actual, IntType)
        length = {3: "", 4: "l", 5: "ll"}[actual.rank]
        if ctype.alias in ("size_t", "ssize_t"):
            length = "z"
        letter = "d" if actual.signed else "u"
        return f"use %{length}{letter} (or %{length}x)"
    return "pass a number or a pointer"
