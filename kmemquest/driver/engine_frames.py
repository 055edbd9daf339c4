"""Variables under KASAN, static and on the stack, and what happens when the stack is used up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from kmemquest.driver.engine_memory import Unwind
from kmemquest.driver.module_image import Module
from kmemquest.driver.placement import Placement, padded_for_kasan, padded_size
from kmemquest.kernel.address import THREAD_SIZE
from kmemquest.kernel.context import Frame

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine
    from kmemquest.kernel.machine import Machine

Enter: TypeAlias = Callable[[int, Frame], tuple[int, list[Frame]]]
Leave: TypeAlias = Callable[[int, list[Frame]], None]


def register_globals(machine: Machine, module: Module, placement: Placement) -> None:
    """Poison what follows each static variable, as a module's constructors do for KASAN."""
    kasan = machine.checks.kasan
    if kasan is None or machine.phase != "running":
        return
    for item in module.objects.values():
        if padded_for_kasan(item):
            address = placement.symbols[item.name]
            kasan.global_registered(address, item.size, padded_size(item.size))


def watched_frames(engine: Engine, enter: Enter, leave: Leave) -> tuple[Enter, Leave]:
    """Return `enter` and `leave`; with KASAN they poison the gaps around a frame's variables."""
    kasan, module = engine.machine.checks.kasan, engine.module
    if kasan is None:
        return enter, leave
    poisoned: set[int] = set()
    """Where frames with such variables begin."""

    def enter_watched(size: int, frame: Frame) -> tuple[int, list[Frame]]:
        found = enter(size, frame)
        watched = module.functions[frame.function].watched
        if watched:
            poisoned.add(found[0])
            kasan.frame_entered(found[0], watched)
        return found

    def leave_watched(size: int, stack: list[Frame]) -> None:
        base = engine.stack_pointer
        if base in poisoned:
            poisoned.remove(base)
            kasan.frame_left(base, size)
        leave(size, stack)

    return enter_watched, leave_watched


def stack_overflowed(machine: Machine, pointer: int, bounds: tuple[int, int]) -> None:
    """The next frame does not fit: the kernel dies on its guard page, and the C code unwinds."""
    from kmemquest.kernel.check.oops import stack_guard_oops

    low, top = bounds
    hit = min(pointer, low) - 8
    headline = f"BUG: TASK stack guard page was hit at {hit:016x} (stack is {low:016x}..{top:016x})"
    stack_guard_oops(machine, headline, hit, f"the kernel stack of {THREAD_SIZE} bytes is used up")
    raise Unwind
