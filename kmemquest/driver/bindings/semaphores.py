"""Semaphores and reader-writer semaphores: `<linux/semaphore.h>`, `<linux/rwsem.h>`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi, pending
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.locks import LOCK_COST, deadlock, known_name
from kmemquest.driver.bindings.timers import FOREVER, schedule_while_atomic
from kmemquest.driver.contexts import enter, leave
from kmemquest.driver.devices import TICK, world_of
from kmemquest.kernel.context import HeldLock

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

COUNT_AT: Final = 4
"""Offset of `count` in a struct semaphore."""
EINTR: Final = 4
ETIME: Final = 62
SEMAPHORE_FILE: Final = "kernel/locking/semaphore.c"
RWSEM_FILE: Final = "kernel/locking/rwsem.c"
READ_LINE: Final = 1523
WRITE_LINE: Final = 1576
DOWN_LINE: Final = 58
WRITER: Final = (1 << 64) - 1
LOCKED: Final = 8
"""Bytes of a rw_semaphore's count."""


# --- semaphores ---------------------------------------------------------------------------


@binds("down")
def down(engine: Engine, sem: int) -> None:
    _down(engine, sem, "down")


@binds("down_killable")
def down_killable(engine: Engine, sem: int) -> int:
    return 0 if _down(engine, sem, "down_killable") else -EINTR


@binds("down_interruptible")
def down_interruptible(engine: Engine, sem: int) -> int:
    return 0 if _down(engine, sem, "down_interruptible") else -EINTR


@binds("down_timeout")
def down_timeout(engine: Engine, sem: int, ticks: int) -> int:
    end = engine.machine.clock.now + min(max(ticks, 0), FOREVER) * TICK
    return 0 if _down(engine, sem, "down_timeout", end) else -ETIME


@binds("down_trylock")
def down_trylock(engine: Engine, sem: int) -> int:
    """Return 0 when it got one, 1 when there was none: the reverse of the other trylocks."""
    memory = engine.machine.memory
    count = memory.load(sem + COUNT_AT, 4)
    if count:
        memory.store(sem + COUNT_AT, 4, count - 1)
    return not count


@binds("up")
def up(engine: Engine, sem: int) -> None:
    memory = engine.machine.memory
    memory.store(sem + COUNT_AT, 4, memory.load(sem + COUNT_AT, 4) + 1 & 0xFFFF_FFFF)


def _down(engine: Engine, sem: int, call: str, end: int | None = None) -> bool:
    """Take one; with an `end` (ns) wait no longer than until then."""
    machine, tasks = engine.machine, engine.tasks
    machine.checks.might_sleep(call, None, SEMAPHORE_FILE, DOWN_LINE)
    firm = call not in ("down_interruptible", "down_killable")
    while not machine.memory.load(sem + COUNT_AT, 4):
        if end is not None and machine.clock.now >= end:
            return False
        if not machine.context.may_sleep:
            schedule_while_atomic(engine, call)
        if not machine.context.may_sleep:
            pending.hang(engine, call, uninterruptible=firm)
            return False
        if tasks.current is not None:
            tasks.wait(lambda: _count(engine, sem) > 0, call, end, uninterruptible=firm)
            if not firm and not _count(engine, sem):
                return False
        elif not (pending.run_next(engine) if end is None else pending.advance_once(engine, end)):
            pending.hang(engine, call, uninterruptible=firm)
            return False
    machine.memory.store(sem + COUNT_AT, 4, machine.memory.load(sem + COUNT_AT, 4) - 1)
    return True


def _count(engine: Engine, sem: int) -> int:
    return int.from_bytes(engine.machine.memory.peek(sem + COUNT_AT, 4), "little")


# --- reader-writer semaphores -------------------------------------------------------------


@binds("__kmq_rwsem_init")
def rwsem_init(engine: Engine, sem: int, name: int) -> None:
    engine.machine.memory.store_bytes(sem, bytes(24))
    world_of(engine).lock_names[sem] = abi.get_text(engine.machine, name)


@binds("__kmq_down_read")
def down_read(engine: Engine, sem: int, name: int) -> None:
    engine.machine.checks.might_sleep("down_read", None, RWSEM_FILE, READ_LINE)
    _take(engine, sem, known_name(engine, sem, name), "down_read")


@binds("__kmq_down_write")
def down_write(engine: Engine, sem: int, name: int) -> None:
    engine.machine.checks.might_sleep("down_write", None, RWSEM_FILE, WRITE_LINE)
    _take(engine, sem, known_name(engine, sem, name), "down_write")


@binds("down_read_trylock")
def down_read_trylock(engine: Engine, sem: int) -> int:
    count = engine.machine.memory.load(sem, LOCKED)
    if count == WRITER:
        return 0
    _hold(engine, sem, known_name(engine, sem, 0), count + 1)
    return 1


@binds("down_write_trylock")
def down_write_trylock(engine: Engine, sem: int) -> int:
    if engine.machine.memory.load(sem, LOCKED):
        return 0
    _hold(engine, sem, known_name(engine, sem, 0), WRITER)
    return 1


@binds("up_read")
def up_read(engine: Engine, sem: int) -> None:
    _drop(engine, sem)
    readers = engine.machine.memory.load(sem, LOCKED)
    engine.machine.memory.store(sem, LOCKED, max(readers - 1, 0) if readers != WRITER else 0)


@binds("up_write")
def up_write(engine: Engine, sem: int) -> None:
    _drop(engine, sem)
    engine.machine.memory.store(sem, LOCKED, 0)


@binds("downgrade_write")
def downgrade_write(engine: Engine, sem: int) -> None:
    engine.machine.memory.store(sem, LOCKED, 1)


@binds("rwsem_is_locked")
def rwsem_is_locked(engine: Engine, sem: int) -> int:
    return engine.machine.memory.load(sem, LOCKED) != 0


def _take(engine: Engine, sem: int, name: str, call: str) -> None:
    machine = engine.machine
    machine.clock.advance(LOCK_COST)

    def free() -> bool:
        count = int.from_bytes(machine.memory.peek(sem, LOCKED), "little")
        return count != WRITER if call == "down_read" else not count

    machine.memory.load(sem, LOCKED)
    if not pending.running(engine):
        return
    if any(held.address == sem for held in machine.context.locks):
        deadlock(engine, sem, name, spinning=False)
        return
    if not pending.wait_until(engine, free, call) or not pending.running(engine):
        return
    if machine.checks.lockdep is not None:
        machine.checks.lockdep.acquire(name, sleeping=True, address=sem)
    readers = machine.memory.load(sem, LOCKED)
    _hold(engine, sem, name, readers + 1 if call == "down_read" else WRITER)


def _hold(engine: Engine, sem: int, name: str, count: int) -> None:
    machine = engine.machine
    machine.memory.store(sem, LOCKED, count)
    machine.context.locks.append(HeldLock(name, False, sem))
    enter(machine, "lock", name)


def _drop(engine: Engine, sem: int) -> None:
    machine = engine.machine
    machine.clock.advance(LOCK_COST)
    for held in reversed(machine.context.locks):
        if held.address == sem:
            machine.context.locks.remove(held)
            leave(machine, "lock", held.name)
            return
