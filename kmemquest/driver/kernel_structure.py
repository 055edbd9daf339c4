"""Structures of the kernel's library that bindings read and write as the kernel's own code does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

POINTER: Final = 8
MOST_HOPS: Final = 100_000
"""Longer chains of pointers run in a circle."""


def load(engine: Engine, address: int, size: int = POINTER) -> int:
    """Load an unsigned value; a fault ends the call."""
    value = engine.machine.memory.load(address, size)
    engine.check()
    return value


def store(engine: Engine, address: int, value: int, size: int = POINTER) -> None:
    """Store a value; a fault ends the call."""
    engine.machine.memory.store(address, size, value)
    engine.check()


def need_allocators(engine: Engine) -> None:
    """A call into an allocator that does not exist yet follows a NULL pointer."""
    if engine.machine.phase == "memblock":
        engine.machine.fault(0, POINTER, write=False)
        engine.check()


@contextmanager
def blamed(engine: Engine, function: str) -> Iterator[None]:
    """Let KASAN name the kernel's function for what happens in this block."""
    kasan = engine.machine.checks.kasan
    if kasan is None:
        yield
        return
    before, kasan.inside = kasan.inside, function
    try:
        yield
    finally:
        kasan.inside = before


def runs_in_circles(engine: Engine, function: str) -> None:
    """A damaged structure leads back to itself: the kernel would never come back."""
    engine.stop("endless-loop", f"{function}() does not end: what it walks runs in a circle")
    engine.check()
