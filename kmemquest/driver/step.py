"""What an observer sees before each statement, and how C values read as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from kmemquest.driver.c_types import (
    ArrayType,
    CType,
    FunctionType,
    IntType,
    PointerType,
    RecordType,
)

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

_SHOWN_MEMBERS: Final = 8
_SHOWN_ELEMENTS: Final = 8


class Observer(Protocol):
    """Gets every statement before it runs."""

    def on_step(self, step: StepInfo) -> None:
        """Called before a statement; `step.locals()` is valid only during the call."""


class StepInfo:
    """Where the driver stands. `depth` counts C frames from 1; `context` is Context.kind."""

    __slots__ = ("_engine", "_frame", "_index", "context", "depth", "file", "function", "line")

    def __init__(self, engine: Engine, index: int, frame: Any) -> None:
        point = engine.module.steps[index]
        context = engine.machine.context
        self.file = engine.module.file
        self.line = point.line
        self.function = point.function
        self.depth = len(context.stack)
        self.context = context.kind
        self._engine = engine
        self._index = index
        self._frame = frame

    def locals(self) -> tuple[tuple[str, str, str], ...]:
        """Visible variables as (name, C type, value text), outer scopes first."""
        values = self._frame.f_locals
        found: dict[str, tuple[str, str, str]] = {}
        for symbol in self._engine.module.steps[self._index].visible:
            if symbol.kind == "register":
                raw = values.get(symbol.code, 0)
                text = scalar_text(symbol.type, raw, self._engine.symbol_name)
            else:
                text = memory_text(self._engine, symbol.type, values["fp"] + symbol.offset)
            found.pop(symbol.name, None)
            found[symbol.name] = (symbol.name, type_text(symbol.type), text)
        return tuple(found.values())


def type_text(ctype: CType) -> str:
    """Return a type as the driver's author would write it: typedef names kept."""
    if ctype.alias:
        return ctype.alias
    if isinstance(ctype, PointerType) and ctype.target.alias:
        return f"{ctype.target.alias} *"
    return ctype.spelled()


def scalar_text(ctype: CType, value: int, symbol_name: Callable[[int], str]) -> str:
    """Return a scalar as text: decimal numbers, hexadecimal pointers, NULL, function names."""
    if isinstance(ctype, PointerType):
        if value == 0:
            return "NULL"
        name = symbol_name(value) if isinstance(ctype.target, FunctionType) else ""
        return name or f"{value:#018x}"
    if isinstance(ctype, IntType):
        if ctype.is_bool:
            return "true" if value else "false"
        if ctype.name == "char" and 32 <= value < 127:
            return f"{value} '{chr(value)}'"
    return str(int(value))


def memory_text(engine: Engine, ctype: CType, address: int, depth: int = 0) -> str:
    """Return an object in memory as text, read without any check."""
    memory = engine.machine.memory
    if isinstance(ctype, RecordType):
        if depth > 2:
            return "{…}"
        parts = []
        for member in ctype.record.members[:_SHOWN_MEMBERS]:
            if member.width is not None:
                size = (member.bit + member.width + 7) // 8
                word = int.from_bytes(memory.peek(address + member.offset, size), "little")
                text = str(word >> member.bit & (1 << member.width) - 1)
            else:
                text = memory_text(engine, member.type, address + member.offset, depth + 1)
            parts.append(f"{member.name} = {text}" if member.name else text)
        more = ", …" if len(ctype.record.members) > _SHOWN_MEMBERS else ""
        return "{" + ", ".join(parts) + more + "}"
    if isinstance(ctype, ArrayType):
        count = ctype.count or 0
        element = ctype.element
        if isinstance(element, IntType) and element.name == "char":
            data = memory.peek(address, min(count, 64)).split(b"\0")[0]
            return '"' + data.decode("utf-8", "replace") + '"'
        shown = min(count, _SHOWN_ELEMENTS)
        parts = [
            memory_text(engine, element, address + n * element.size, depth + 1)
            for n in range(shown)
        ]
        return "{" + ", ".join(parts) + (", …" if count > shown else "") + "}"
    data = memory.peek(address, ctype.size)
    signed = isinstance(ctype, IntType) and ctype.signed
    return scalar_text(ctype, int.from_bytes(data, "little", signed=signed), engine.symbol_name)
