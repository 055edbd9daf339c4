"""The registry through which kernel functions of the simulator become callable from driver C.

    @binds("kmalloc")
    def kmalloc(engine: Engine, size: int, flags: int) -> int: ...

Arguments come converted to the parameter types that the header declares; the result is converted
to the declared return type. The tail of a variadic function arrives as one list of `Argument`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from kmemquest.driver.c_types import CType

F = TypeVar("F", bound=Callable[..., "int | bool | None"])


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a variadic tail after the default promotions."""

    type: CType
    value: int


@dataclass(frozen=True, slots=True)
class BoundFunction:
    """A kernel function implemented in Python."""

    name: str
    function: Callable[..., int | bool | None]
    variadic: bool = False
    """Whether the last Python parameter takes the list of variadic arguments."""

    @property
    def arity(self) -> int:
        """How many C arguments it takes besides variadic ones."""
        from inspect import unwrap

        code: Any = getattr(unwrap(self.function), "__code__", None)
        return (code.co_argcount if code is not None else 1) - 1 - self.variadic


REGISTRY: Final[dict[str, BoundFunction]] = {}
"""C name -> implementation, filled when the modules of `bindings` are imported."""

OBJECTS: Final[dict[str, Callable[..., int]]] = {}
"""Name of an extern kernel object -> function(engine) that returns its address."""


def binds(*names: str, variadic: bool = False) -> Callable[[F], F]:
    """Register a Python function under one or more C names."""

    def register(function: F) -> F:
        for name in names:
            if name in REGISTRY:
                raise ValueError(f"{name} is bound twice")
            REGISTRY[name] = BoundFunction(name, function, variadic)
        return function

    return register


def binds_object(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register the function that returns the address of an extern kernel object."""

    def register(function: Callable[..., int]) -> Callable[..., int]:
        OBJECTS[name] = function
        return function

    return register


def load_bindings() -> None:
    """Import every module of `kmemquest.driver.bindings`, once."""
    global _loaded
    if _loaded:
        return
    _loaded = True
    import importlib
    import pkgutil

    try:
        package: Any = importlib.import_module("kmemquest.driver.bindings")
    except ModuleNotFoundError:
        return
    for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"kmemquest.driver.bindings.{module}")


_loaded = False
