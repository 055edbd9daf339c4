"""Calls: of the driver's own functions, of bound kernel functions, and through pointers."""

from __future__ import annotations

from typing import Any

from kmemquest.driver.c_types import (
    VOID,
    FunctionType,
    IntType,
    PointerType,
    RecordType,
    promoted,
    quoted,
    without_const,
)
from kmemquest.driver.check_format import check_format
from kmemquest.driver.check_fortify import check_bounds
from kmemquest.driver.compile_builtin import Builtins
from kmemquest.driver.header_index import missing_include
from kmemquest.driver.literals import string_bytes
from kmemquest.driver.module_image import Reference
from kmemquest.driver.parse import ast
from kmemquest.driver.values import Place, Symbol, Value


class Calling(Builtins):
    """Compiles calls."""

    def need(self, symbol: Symbol, node: Any) -> None:
        """Note that a function or object must exist when the module is loaded."""
        raise NotImplementedError

    def symbol_place(self, symbol: Symbol, node: Any) -> Place:
        """Return the place of a variable or function."""
        raise NotImplementedError

    def reference(self, symbol: Symbol, label: str, node: Any) -> None:
        """Note a reference from the code or data being compiled."""
        if self.silent:
            return
        self.need(symbol, node)
        if self.function is not None and not self.quiet:
            self.draft.references.append(
                Reference(
                    self.function.name, self.function.section, label, symbol.section, self.at(node)
                )
            )

    def _value_FuncCall(self, node: Any) -> Value:  # noqa: N802
        callee = node.name
        arguments = list(node.args.exprs) if node.args is not None else []
        symbol = None
        if isinstance(callee, ast.ID):
            symbol = self.lookup(callee.name)
            if symbol is None or callee.name.startswith("__builtin_"):
                if callee.name == "__builtin_offsetof" or callee.name == "offsetof":
                    return self.offset_of(node)
                found = self.builtin(callee.name, node)
                if found is not None:
                    return found
                self._implicit(callee, arguments)
        if symbol is not None and symbol.kind == "function":
            assert isinstance(symbol.type, FunctionType)
            return self._call_symbol(symbol, arguments, node)
        target = self.value(callee)
        if not isinstance(target.type, PointerType) or not isinstance(
            target.type.target, FunctionType
        ):
            name = f" ‘{callee.name}’" if isinstance(callee, ast.ID) else ""
            self.fail(
                node,
                f"called object{name} is not a function or function pointer",
                f"it has the type {quoted(target.type)}",
            )
        prototype = target.type.target
        target = self.pure(target)
        codes = self._arguments(prototype, arguments, node, "function pointer", None)
        called = str(self.draft.type_index(prototype))
        code = f"icall({', '.join([target.code, called, *codes])})"
        return self._result(prototype, code, node)

    def _implicit(self, callee: Any, arguments: list[Any]) -> None:
        for argument in arguments:
            if not isinstance(argument, ast.Typename):
                self.type_of(argument)
        near = self.similar_function(callee.name)
        tail = f"; did you mean ‘{near}’?" if near else ""
        hint = (
            _HOST_FUNCTIONS.get(callee.name)
            or missing_include(callee.name)
            or (f"did you mean ‘{near}’?" if near else "declare it, or include its header")
        )
        self.fail(
            callee,
            f"implicit declaration of function ‘{callee.name}’{tail}",
            hint,
            "-Wimplicit-function-declaration",
        )

    def similar_function(self, name: str) -> str:
        """Return a known function with a similar name."""
        import difflib

        known = sorted(
            n for n, s in self.scopes[0].items() if s.kind == "function" and not n.startswith("__")
        )
        found = difflib.get_close_matches(name, known, 1, 0.75)
        return found[0] if found else ""

    def _call_symbol(self, symbol: Symbol, arguments: list[Any], node: Any) -> Value:
        prototype = symbol.type
        assert isinstance(prototype, FunctionType)
        symbol.used = True
        self.reference(symbol, symbol.name, node)
        if not self.silent:
            for kind in ("error", "warning"):
                attribute = symbol.attribute(kind)
                if attribute is not None:
                    words = string_bytes("".join(attribute.arguments)).decode("utf-8", "replace")
                    message = f"call to ‘{symbol.name}’ declared with attribute {kind}: {words}"
                    if kind == "error":
                        self.sink.error(self.at(node), message, words, "-Wattribute-error")
                    else:
                        self.sink.warn(self.at(node), "-Wattribute-warning", message, words)
        codes = self._arguments(prototype, arguments, node, symbol.name, symbol)
        self.note_call(symbol)
        return self._result(prototype, f"F_{symbol.name}({', '.join(codes)})", node)

    def note_call(self, symbol: Symbol) -> None:
        """Called for each direct call; the unit decides later who is called."""

    def _arguments(
        self,
        prototype: FunctionType,
        arguments: list[Any],
        node: Any,
        name: str,
        symbol: Symbol | None,
    ) -> list[str]:
        wanted = len(prototype.parameters)
        if prototype.prototype and (
            len(arguments) < wanted or (len(arguments) > wanted and not prototype.variadic)
        ):
            how = "few" if len(arguments) < wanted else "many"
            shown = f"function ‘{name}’" if symbol else "function"
            signature = ", ".join(p.spelled() for p in prototype.parameters)
            self.fail(
                node,
                f"too {how} arguments to {shown}",
                f"it takes {wanted}: ({signature or 'void'})",
            )
        values: list[Value] = []
        for number, argument in enumerate(arguments):
            if isinstance(argument, ast.Typename):
                self.fail(argument, "expected expression before type name", "pass a value")
            value = self.value(argument)
            if number < wanted:
                what = f"argument {number + 1} of ‘{name}’"
                original = value
                value = self.assign_convert(value, prototype.parameters[number], argument, what)
                value.literal = original.literal
            values.append(value)
        codes = [self._passed(value) for value in values[: wanted if prototype.prototype else None]]
        if symbol is not None and not self.silent:
            check_bounds(self.sink, self.at(node), symbol.name, values)
            attribute = symbol.attribute("format")
            if attribute is not None:
                check_format(self.sink, attribute, values, arguments, self.at, node)
        if prototype.variadic:
            tail = []
            for value, argument in zip(values[wanted:], arguments[wanted:], strict=True):
                if without_const(value.type) == VOID:
                    self.fail(argument, "invalid use of void expression", "pass a value")
                ctype = promoted(value.type)
                if isinstance(ctype, IntType):
                    value = self.convert(value, ctype)
                index = self.draft.type_index(ctype)
                tail.append(f"Arg(T[{index}], {self._passed(value)})")
            codes.append(f"[{', '.join(tail)}]")
        return codes

    def _passed(self, value: Value) -> str:
        if isinstance(value.type, RecordType):
            slot = self.reserve_stack(value.type)
            self.emit(f"copy({slot}, {value.code}, {value.type.size})")
            return slot
        if value.depth > 8:
            return self.temp(value.code)
        return value.code

    def _result(self, prototype: FunctionType, code: str, node: Any) -> Value:
        result = without_const(prototype.result)
        if result == VOID:
            self.emit(code)
            return Value(VOID, "0")
        if isinstance(result, RecordType):
            if not result.complete:
                self.fail(
                    node, f"invalid use of incomplete type {quoted(result)}", "include the header"
                )
            slot = self.reserve_stack(result)
            self.emit(f"copy({slot}, {code}, {result.size})")
            return Value(result, f"({slot})")
        return Value(result, self.temp(code))


_HOST_FUNCTIONS = {
    "malloc": "the kernel has no malloc(): kmalloc(size, GFP_KERNEL) from <linux/slab.h>",
    "calloc": "the kernel has no calloc(): kcalloc(n, size, GFP_KERNEL) from <linux/slab.h>",
    "realloc": "the kernel has no realloc(): krealloc(p, size, GFP_KERNEL) from <linux/slab.h>",
    "free": "the kernel has no free(): kfree(p) from <linux/slab.h>",
    "printf": "the kernel has no printf(): pr_info() from <linux/printk.h>",
    "sleep": "the kernel has no sleep(): msleep(ms) from <linux/delay.h>",
}
