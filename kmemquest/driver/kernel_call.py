"""Calls from driver C into bound kernel functions: events, cost, result conversion, unwinding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver.binding import BoundFunction
from kmemquest.driver.c_types import CType, FunctionType, IntType, PointerType
from kmemquest.kernel.events import CallMade, CallReturned

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

_WORD: Final = (1 << 64) - 1


def kernel_call(
    engine: Engine, bound: BoundFunction, prototype: FunctionType | None
) -> Callable[..., int]:
    """Return the function that compiled code calls for a bound kernel function."""
    machine = engine.machine
    events, clock, context = machine.events, machine.clock, machine.context
    function, name = bound.function, bound.name
    finish = _finisher(prototype.result if prototype is not None else None)
    variadic, lookaside = bound.variadic, engine.lookaside

    def call(*arguments: Any) -> int:
        if not events.active:
            result = finish(function(engine, *arguments))
            lookaside.flush()
            engine.check()
            return result
        site = context.stack[-1] if context.stack else None
        words = arguments[:-1] if variadic else arguments
        raw = [a & _WORD for a in words]
        if variadic and arguments:
            raw.extend(a.value & _WORD for a in arguments[-1])
        events.emit(CallMade(name, tuple(raw), site))
        before = clock.now
        result = finish(function(engine, *arguments))
        lookaside.flush()
        events.emit(CallReturned(name, result & _WORD, clock.now - before, site))
        engine.check()
        return result

    return call


def _finisher(result: CType | None) -> Callable[[int | bool | None], int]:
    if isinstance(result, IntType):
        wrap = result.wrap

        def as_integer(value: int | bool | None) -> int:
            return wrap(int(value)) if value is not None else 0

        return as_integer
    if isinstance(result, PointerType) or result is None:
        return lambda value: int(value) & _WORD if value is not None else 0
    return lambda value: int(value) if value is not None else 0
