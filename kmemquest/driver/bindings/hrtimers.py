"""`<linux/hrtimer.h>`: timers of nanosecond resolution."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.devices import world_of
from kmemquest.driver.holdings import gave_back

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

MODE_REL: Final = 1
MODE_SOFT: Final = 4
MODE_HARD: Final = 8
ENQUEUED: Final = 1


def _store(engine: Engine, timer: int, name: str, value: int) -> None:
    offset, size = abi.HRTIMER[name]
    engine.machine.memory.store(timer + offset, size, value)


@binds("hrtimer_init")
def hrtimer_init(engine: Engine, timer: int, clock: int, mode: int) -> None:
    engine.machine.memory.store_bytes(timer, bytes(abi.HRTIMER_SIZE))
    _store(engine, timer, "is_soft", mode & MODE_SOFT != 0)
    _store(engine, timer, "is_hard", mode & MODE_HARD != 0)


@binds("hrtimer_start")
def hrtimer_start(engine: Engine, timer: int, time: int, mode: int) -> None:
    machine, world = engine.machine, world_of(engine)
    expires = machine.clock.now + max(time, 0) if mode & MODE_REL else time
    _store(engine, timer, "expires", expires)
    _store(engine, timer, "state", ENQUEUED)
    if timer not in world.hrtimers:
        machine.checks.ledger.acquired("hrtimer", timer, 0, "hrtimer_start")
    world.hrtimers[timer] = expires


@binds("hrtimer_cancel", "hrtimer_try_to_cancel")
def hrtimer_cancel(engine: Engine, timer: int) -> int:
    was_active = world_of(engine).hrtimers.pop(timer, None) is not None
    if was_active:
        _store(engine, timer, "state", 0)
        gave_back(engine, timer, "hrtimer_cancel", "hrtimer")
    return was_active


@binds("hrtimer_active")
def hrtimer_active(engine: Engine, timer: int) -> int:
    return timer in world_of(engine).hrtimers


@binds("hrtimer_forward_now")
def hrtimer_forward_now(engine: Engine, timer: int, interval: int) -> int:
    """Move the expiry into the future by whole intervals; return how many."""
    machine = engine.machine
    offset, size = abi.HRTIMER["expires"]
    expires = machine.memory.load(timer + offset, size)
    if interval <= 0 or expires > machine.clock.now:
        return 0
    count = (machine.clock.now - expires) // interval + 1
    machine.memory.store(timer + offset, size, expires + count * interval)
    return count
