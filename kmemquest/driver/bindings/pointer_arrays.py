"""Arrays of pointers in a driver's memory, as calls in bulk take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

POINTER: Final = 8
"""Bytes."""


def load_pointers(engine: Engine, array: int, count: int) -> list[int]:
    """Return `count` pointers from an address on.

    The first entry that cannot be read ends the call: the task is dead, as the CPU would have it.
    """
    memory = engine.machine.memory
    found = []
    for index in range(count):
        found.append(memory.load(array + POINTER * index, POINTER))
        engine.check()
    return found


def store_pointer(engine: Engine, array: int, index: int, value: int) -> None:
    """Write one entry; a fault ends the call."""
    engine.machine.memory.store(array + POINTER * index, POINTER, value)
    engine.check()
