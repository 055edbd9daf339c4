"""Calls from driver C into bound kernel functions: events, cost, result conversion, unwinding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver.binding import REGISTRY, Argument, BoundFunction
from kmemquest.driver.c_types import ULONG, CType, FunctionType, IntType, PointerType
from kmemquest.driver.limits import (
    BUS_PACE,
    CALL_STEPS,
    MOST_CALL_STEPS,
    NANOSECONDS_A_STEP,
    WAIT_STEPS,
)
from kmemquest.kernel.events import CallMade, CallReturned

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine
    from kmemquest.driver.module_image import Module

_MOVERS: Final = ("mem", "str", "copy_", "clear_", "print_hex")
_WAITERS: Final = ("sleep", "delay", "wait", "schedule", "synchronize", "flush", "cancel", "stop")
_BUS_MOVERS: Final = ("memcpy_toio", "memcpy_fromio", "memset_io")
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
    left, most = engine.steps_left, _most_steps(name)
    least = WAIT_STEPS if _waits(name) else CALL_STEPS
    pace = NANOSECONDS_A_STEP * (BUS_PACE if name in _BUS_MOVERS else 1)

    def call(*arguments: Any) -> int:
        before = clock.now
        if not events.active:
            result = finish(function(engine, *arguments))
            left[0] -= least + min((clock.now - before) // pace, most)
            lookaside.flush()
            engine.check()
            return result
        site = context.stack[-1] if context.stack else None
        words = arguments[:-1] if variadic else arguments
        raw = [a & _WORD for a in words]
        if variadic and arguments:
            raw.extend(a.value & _WORD for a in arguments[-1])
        events.emit(CallMade(name, tuple(raw), site))
        result = finish(function(engine, *arguments))
        left[0] -= least + min((clock.now - before) // pace, most)
        lookaside.flush()
        events.emit(CallReturned(name, result & _WORD, clock.now - before, site))
        engine.check()
        return result

    return call


def through_pointer(
    module: Module, function: Callable[..., int], name: str, called: CType
) -> Callable[..., int]:
    """Return the function called `name` as it runs through a pointer to the type `called`.

    Where the types differ, arguments travel in 64-bit registers: surplus ones are lost, missing
    ones hold zero here.
    """
    symbol = module.symbols.get(name) or module.kernel_functions.get(name)
    own = symbol.type if symbol is not None else None
    assert isinstance(called, FunctionType)
    if own == called:
        return function
    if isinstance(own, FunctionType):
        parameters, variadic = own.parameters, own.variadic
    else:
        parameters, variadic = (ULONG,) * REGISTRY[name].arity, REGISTRY[name].variadic
    result = called.result

    def call(*arguments: Any) -> int:
        words = list(arguments)
        if called.variadic and words:
            words[-1:] = [a.value for a in words[-1]]
        words += [0] * (len(parameters) - len(words))
        fixed = [reduced(w, t) for w, t in zip(words, parameters, strict=False)]
        if not variadic:
            return reduced(function(*fixed), result)
        tail = [Argument(ULONG, w & _WORD) for w in words[len(parameters) :]]
        return reduced(function(*fixed, tail), result)

    return call


def reduced(value: int, ctype: CType) -> int:
    """Return what a register holds, read as a type."""
    if isinstance(ctype, IntType):
        return ctype.wrap(value)
    return value & _WORD


def _most_steps(name: str) -> int:
    """How many statements one call may count as: moving bytes has no bound, waiting is free."""
    if name.startswith("mempool"):
        return MOST_CALL_STEPS  # It may wait for an element.
    if name.removeprefix("__kmq_").removeprefix("fortified_").startswith(_MOVERS):
        return 1 << 62
    return 0 if _waits(name) else MOST_CALL_STEPS


def _waits(name: str) -> bool:
    return any(word in name for word in _WAITERS)


def _finisher(result: CType | None) -> Callable[[int | bool | None], int]:
    if isinstance(result, IntType):
        wrap = result.wrap

        def as_integer(value: int | bool | None) -> int:
            return wrap(int(value)) if value is not None else 0

        return as_integer
    if isinstance(result, PointerType) or result is None:
        return lambda value: int(value) & _WORD if value is not None else 0
    return lambda value: int(value) if value is not None else 0
