"""The rules of assignment, argument passing, initialisation and return, in gcc's words."""

from __future__ import annotations

from typing import Any

from kmemquest.driver.c_types import (
    VOID,
    CType,
    FunctionType,
    IntType,
    PointerType,
    RecordType,
    compatible,
    quoted,
    without_const,
)
from kmemquest.driver.compile_ops import Operators
from kmemquest.driver.values import Value


class Assigning(Operators):
    """Conversions with the messages a compiler gives."""

    def assign_convert(self, value: Value, target: CType, node: Any, what: str) -> Value:
        """Convert by assignment; `what`: assignment, initialization, return, argument N of ‘f’."""
        source = value.type
        plain = without_const(target)
        if isinstance(source, RecordType) or isinstance(target, RecordType):
            if without_const(source) != plain:
                self.fail(
                    node,
                    self._incompatible(value, target, what),
                    "assign objects of the same struct type",
                )
            return value
        if source == VOID or without_const(source) == VOID:
            self.fail(
                node, "void value not ignored as it ought to be", "the function returns nothing"
            )
        if isinstance(target, PointerType):
            if isinstance(source, IntType):
                if not (value.known == 0 and value.null_constant):
                    self.sink.warn(
                        self.at(node),
                        "-Wint-conversion",
                        self._words(
                            source, target, what, "makes pointer from integer without a cast"
                        ),
                        "pass a pointer here (did you swap two arguments, or forget an &?)",
                    )
            elif isinstance(source, PointerType):
                self._check_pointers(value, source, target, node, what)
        elif isinstance(source, PointerType) and isinstance(target, IntType):
            if not target.is_bool:
                self.sink.warn(
                    self.at(node),
                    "-Wint-conversion",
                    self._words(source, target, what, "makes integer from pointer without a cast"),
                    "an integer is wanted here (did you swap two arguments, or forget a *?)",
                )
        converted = self.convert(value, plain)
        if (
            isinstance(target, IntType)
            and isinstance(source, IntType)
            and value.known is not None
            and converted.known != value.known
            and not target.is_bool
        ):
            self._overflowed(value, target, converted, node)
        return converted

    def _overflowed(self, value: Value, target: IntType, converted: Value, node: Any) -> None:
        known = value.known
        assert known is not None
        low = -(1 << target.bits - 1)
        if low <= known <= target.mask or self.silent:
            return
        self.sink.warn(
            self.at(node),
            "-Woverflow",
            f"conversion from {quoted(value.type)} to {quoted(target)} changes value from "
            f"‘{known}’ to ‘{converted.known}’",
            "use a wider type, or a smaller constant",
        )

    def _check_pointers(
        self, value: Value, source: PointerType, target: PointerType, node: Any, what: str
    ) -> None:
        if value.null_constant:
            return
        given, wanted = source.target, target.target
        bare_given, bare_wanted = without_const(given), without_const(wanted)
        related = compatible(bare_given, bare_wanted) or _same_but_for_sign(bare_given, bare_wanted)
        to_void = VOID in (bare_given, bare_wanted) and not (
            isinstance(bare_given, FunctionType) or isinstance(bare_wanted, FunctionType)
        )
        if not related and not to_void:
            if isinstance(bare_given, FunctionType) and bare_wanted == VOID:
                return
            if isinstance(bare_wanted, FunctionType) and bare_given == VOID:
                return
            hint = "pass the address of an object of the right type"
            if isinstance(bare_wanted, FunctionType):
                hint = f"the function must have the type ‘{wanted.spelled()}’"
            self.sink.error(
                self.at(node), self._incompatible(value, target, what), hint,
                "-Wincompatible-pointer-types",
            )  # fmt: skip
        elif given.const and not wanted.const and not isinstance(bare_given, FunctionType):
            self.sink.warn(
                self.at(node),
                "-Wdiscarded-qualifiers",
                self._words(
                    source, target, what, "discards ‘const’ qualifier from pointer target type"
                ),
                "make the target a pointer to const",
            )

    def _incompatible(self, value: Value, target: CType, what: str) -> str:
        pointers = isinstance(value.type, PointerType) and isinstance(target, PointerType)
        kind = "incompatible pointer type" if pointers else "incompatible type"
        source, wanted = quoted(value.type), quoted(without_const(target))
        if what.startswith("argument"):
            return f"passing {what} from {kind}" if pointers else f"incompatible type for {what}"
        if what == "return":
            return (
                f"returning {source} from a function with incompatible return type {wanted}"
                if pointers
                else f"incompatible types when returning type {source} but {wanted} was expected"
            )
        if not pointers:
            if what == "initialization":
                return f"incompatible types when initializing type {wanted} using type {source}"
            return f"incompatible types when assigning to type {wanted} from type {source}"
        verb = "initialization of" if what == "initialization" else "assignment to"
        return f"{verb} {wanted} from {kind} {source}"

    def _words(self, source: CType, target: CType, what: str, complaint: str) -> str:
        if what.startswith("argument"):
            return f"passing {what} {complaint}"
        first, second = quoted(without_const(target)), quoted(source)
        if "discards" in complaint:
            verb = {"initialization": "initialization", "return": "return"}.get(what, "assignment")
            return f"{verb} {complaint}"
        if what == "return":
            return f"returning {second} from a function with return type {first} {complaint}"
        verb = "initialization of" if what == "initialization" else "assignment to"
        return f"{verb} {first} from {second} {complaint}"


def _same_but_for_sign(first: CType, second: CType) -> bool:
    """Kernel builds have -Wno-pointer-sign: char * and unsigned char * go together."""
    if isinstance(first, IntType) and isinstance(second, IntType):
        if first.is_bool or second.is_bool:
            return False
        return first.bytes == second.bytes and (
            first.rank == second.rank or first.enum or second.enum
        )
    return False
