"""Spinlocks, mutexes, RCU, preemption and interrupt switches."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi, pending
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.timers import schedule_while_atomic
from kmemquest.driver.contexts import enter, leave
from kmemquest.driver.devices import world_of
from kmemquest.driver.holdings import ANY, gave_back
from kmemquest.kernel.address import is_direct_map_address
from kmemquest.kernel.check import lock_debug
from kmemquest.kernel.context import HeldLock
from kmemquest.kernel.events import Report

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

LOCK_COST: Final = 18
"""Nanoseconds of an uncontended lock."""
BH_DISABLED: Final = 2
"""local_bh_disable counts twice what serving a softirq counts."""
FLAGS_ENABLED: Final = 0x200
"""The interrupt flag in what spin_lock_irqsave stores."""
MUTEX_FILE: Final = "kernel/locking/mutex.c"
MUTEX_LINE: Final = 586
RCU_FILE: Final = "kernel/rcu/tree.c"
RCU_LINE: Final = 3838
GRACE_PERIOD_LINE: Final = 4092
EINTR: Final = 4
GRACE_PERIOD: Final = 10_000_000
"""Nanoseconds until every reader of before has left its section: a simulated cost."""
LOCK_BYTES: Final = 8


def known_name(engine: Engine, lock: int, text: int) -> str:
    """Lock names are those of the initialiser; a static lock is known by its variable."""
    known = world_of(engine).lock_names.get(lock)
    return known or abi.get_text(engine.machine, text).lstrip("&")


@binds("__kmq_spin_lock_init")
def spin_lock_init(engine: Engine, lock: int, name: int) -> None:
    engine.machine.memory.store(lock, 4, 0)
    world_of(engine).lock_names[lock] = abi.get_text(engine.machine, name)


@binds("__kmq_spin_lock")
def spin_lock(engine: Engine, lock: int, name: int) -> None:
    context = engine.machine.context
    context.preempt_depth += 1
    _take(engine, lock, known_name(engine, lock, name), spinning=True)


@binds("__kmq_spin_lock_bh")
def spin_lock_bh(engine: Engine, lock: int, name: int) -> None:
    context = engine.machine.context
    context.softirq_depth += BH_DISABLED
    _take(engine, lock, known_name(engine, lock, name), spinning=True)


@binds("__kmq_spin_lock_irq")
def spin_lock_irq(engine: Engine, lock: int, name: int) -> None:
    _irqs_off(engine)
    spin_lock(engine, lock, name)


@binds("__kmq_spin_lock_irqsave")
def spin_lock_irqsave(engine: Engine, lock: int, name: int) -> int:
    flags = irq_save(engine)
    spin_lock(engine, lock, name)
    return flags


@binds("__kmq_spin_trylock")
def spin_trylock(engine: Engine, lock: int, name: int) -> int:
    if engine.machine.memory.load(lock, 4):
        return 0
    engine.machine.context.preempt_depth += 1
    _take(engine, lock, known_name(engine, lock, name), spinning=True, trying=True)
    return 1


@binds("__kmq_spin_unlock")
def spin_unlock(engine: Engine, lock: int) -> None:
    context = engine.machine.context
    _release(engine, lock)
    context.preempt_depth -= 1


@binds("__kmq_spin_unlock_bh")
def spin_unlock_bh(engine: Engine, lock: int) -> None:
    context = engine.machine.context
    _release(engine, lock)
    context.softirq_depth = max(context.softirq_depth - BH_DISABLED, 0)


@binds("__kmq_spin_unlock_irq")
def spin_unlock_irq(engine: Engine, lock: int) -> None:
    spin_unlock(engine, lock)
    _irqs_on(engine)


@binds("__kmq_spin_unlock_irqrestore")
def spin_unlock_irqrestore(engine: Engine, lock: int, flags: int) -> None:
    spin_unlock(engine, lock)
    irq_restore(engine, flags)


@binds("__kmq_spin_is_locked")
def spin_is_locked(engine: Engine, lock: int) -> int:
    return engine.machine.memory.load(lock, 4) != 0


def _take(engine: Engine, lock: int, name: str, *, spinning: bool, trying: bool = False) -> None:
    machine = engine.machine
    machine.clock.advance(LOCK_COST)
    value = machine.memory.load(lock, 4)
    if not pending.running(engine):
        return
    if _never_initialised(engine, lock):
        _complain(engine, lock, spinning=spinning)
    owner = None if spinning else world_of(engine).lock_owners.get(lock)
    if value and owner is not None and not owner.ended and owner is not machine.context.task:
        # Its owner sleeps, and will go on: this is what waiting for a mutex is.
        free = partial(_is_free, engine, lock)
        value = not pending.wait_until(engine, free, "__mutex_lock")
        if not pending.running(engine):
            return
    if value:
        deadlock(engine, lock, name, spinning=spinning)
        return
    if machine.checks.lockdep is not None and not trying:
        # Who only tries never waits, and so adds to no chain (`lockdep.c:validate_chain`).
        machine.checks.lockdep.acquire(name, sleeping=not spinning, address=lock)
    machine.memory.store(lock, 4, 1)
    if not spinning:
        world_of(engine).lock_owners[lock] = machine.context.task
    machine.context.locks.append(HeldLock(name, spinning, lock))
    enter(machine, "lock", name)


def _is_free(engine: Engine, lock: int) -> bool:
    return not any(engine.machine.memory.peek(lock, 4))


def _never_initialised(engine: Engine, lock: int) -> bool:
    """Tell whether nobody ever initialised a lock that lies in allocated memory."""
    if not is_direct_map_address(lock) or lock in world_of(engine).lock_names:
        return False
    return not any(engine.machine.memory.peek(lock, LOCK_BYTES))


def _complain(engine: Engine, lock: int, *, spinning: bool) -> None:
    machine = engine.machine
    if not spinning:
        lock_debug.mutex_warning(machine, 587, "__mutex_lock", "lock->magic != lock")
    if machine.checks.lockdep is not None:
        machine.checks.lockdep.unregistered()
    if spinning:
        lock_debug.spin_bug(machine, lock, "bad magic", magic=0, owned=False)


def _not_held(engine: Engine, lock: int, *, spinning: bool) -> None:
    machine = engine.machine
    if machine.checks.lockdep is not None:
        machine.checks.lockdep.not_held(world_of(engine).lock_names.get(lock, "lock"))
    if spinning:
        lock_debug.spin_bug(machine, lock, "already unlocked", owned=False)
    else:
        function, condition = "__mutex_unlock_slowpath", "__owner_task(owner) != get_current()"
        lock_debug.mutex_warning(machine, 913, function, condition)


def _release(engine: Engine, lock: int, *, spinning: bool = True) -> None:
    machine = engine.machine
    machine.clock.advance(LOCK_COST)
    with pending.kernel_function(machine, "do_raw_spin_unlock"):
        machine.memory.store(lock, 4, 0)
    if not pending.running(engine):
        return
    locks = machine.context.locks
    for index in range(len(locks) - 1, -1, -1):
        if locks[index].address == lock:
            held = locks.pop(index)
            leave(machine, "lock", held.name)
            return
    _not_held(engine, lock, spinning=spinning)
    if machine.events.active:
        machine.events.emit(
            Report("unlock-not-held", "silent", "", site=machine.site, spoken=False)
        )


def deadlock(engine: Engine, lock: int, name: str, *, spinning: bool) -> None:
    """The lock never becomes free: its owner is the code that waits for it."""
    from kmemquest.kernel.machine import Fate

    machine = engine.machine
    task = machine.context.task
    if machine.checks.config.lockdep:
        headline = "WARNING: possible recursive locking detected"
        line = f"{task.comm}/{task.pid} is trying to acquire lock:"
        lines = ("", "=" * 44, headline, line, f"{lock:016x} ({name}){{+.+.}}-{{3:3}}")
        report = Report("deadlock", "BUG report", headline, lines, site=machine.site, detail=name)
    else:
        if spinning and any(held.address == lock for held in machine.context.locks):
            lock_debug.spin_bug(machine, lock, "recursion", owned=True)
        report = Report("deadlock", "silent", "", site=machine.site, spoken=False, detail=name)
    machine.report(report)
    machine.fate = Fate.CPU_HANGS if spinning else Fate.TASK_HANGS


# --- mutexes ------------------------------------------------------------------------------


@binds("__kmq_mutex_init")
def mutex_init(engine: Engine, lock: int, name: int) -> None:
    engine.machine.memory.store_bytes(lock, bytes(16))
    world_of(engine).lock_names[lock] = abi.get_text(engine.machine, name)


def _mutex_may_sleep(engine: Engine, call: str) -> None:
    from kmemquest.kernel.check.atomic_sleep import check_sleep

    check_sleep(engine.machine, call, None, MUTEX_FILE, MUTEX_LINE)


@binds("__kmq_mutex_lock")
def mutex_lock(engine: Engine, lock: int, name: int) -> None:
    _mutex_may_sleep(engine, "mutex_lock")
    _take(engine, lock, known_name(engine, lock, name), spinning=False)


@binds("__kmq_mutex_lock_interruptible")
def mutex_lock_interruptible(engine: Engine, lock: int, name: int) -> int:
    _mutex_may_sleep(engine, "mutex_lock_interruptible")
    _take(engine, lock, known_name(engine, lock, name), spinning=False)
    return 0


@binds("__kmq_mutex_trylock")
def mutex_trylock(engine: Engine, lock: int, name: int) -> int:
    if engine.machine.memory.load(lock, 4):
        return 0
    _take(engine, lock, known_name(engine, lock, name), spinning=False, trying=True)
    return 1


@binds("mutex_unlock")
def mutex_unlock(engine: Engine, lock: int) -> None:
    _release(engine, lock, spinning=False)


@binds("mutex_is_locked")
def mutex_is_locked(engine: Engine, lock: int) -> int:
    return engine.machine.memory.load(lock, 4) != 0


@binds("mutex_destroy")
def mutex_destroy(engine: Engine, lock: int) -> None:
    world_of(engine).lock_names.pop(lock, None)


# --- interrupts, softirqs, preemption -----------------------------------------------------


@binds("__kmq_irq_save")
def irq_save(engine: Engine) -> int:
    if engine.machine.context.irqs_disabled:
        return 0
    _irqs_off(engine)
    return FLAGS_ENABLED


@binds("__kmq_irq_restore")
def irq_restore(engine: Engine, flags: int) -> None:
    if flags & FLAGS_ENABLED:
        _irqs_on(engine)


@binds("local_irq_disable")
def _irqs_off(engine: Engine) -> None:
    context = engine.machine.context
    if not context.irqs_disabled_depth:
        context.irqs_disabled_depth = 1
        enter(engine.machine, "irqs-off")


@binds("local_irq_enable")
def _irqs_on(engine: Engine) -> None:
    context = engine.machine.context
    if context.irqs_disabled_depth:
        context.irqs_disabled_depth = 0
        leave(engine.machine, "irqs-off")


@binds("irqs_disabled")
def irqs_disabled(engine: Engine) -> int:
    return engine.machine.context.irqs_disabled


@binds("local_bh_disable")
def local_bh_disable(engine: Engine) -> None:
    engine.machine.context.softirq_depth += BH_DISABLED


@binds("local_bh_enable")
def local_bh_enable(engine: Engine) -> None:
    context = engine.machine.context
    context.softirq_depth = max(context.softirq_depth - BH_DISABLED, 0)


@binds("preempt_disable")
def preempt_disable(engine: Engine) -> None:
    engine.machine.context.preempt_depth += 1


@binds("preempt_enable")
def preempt_enable(engine: Engine) -> None:
    context = engine.machine.context
    context.preempt_depth -= 1


@binds("preempt_count")
def preempt_count(engine: Engine) -> int:
    return engine.machine.context.preempt_count


@binds("__kmq_in_interrupt")
def in_interrupt(engine: Engine) -> int:
    return engine.machine.context.in_interrupt


@binds("__kmq_in_hardirq")
def in_hardirq(engine: Engine) -> int:
    return engine.machine.context.in_hardirq


@binds("__kmq_in_softirq")
def in_softirq(engine: Engine) -> int:
    return engine.machine.context.in_softirq


@binds("__kmq_in_nmi")
def in_nmi(engine: Engine) -> int:
    return engine.machine.context.nmi_depth > 0


# --- RCU ----------------------------------------------------------------------------------


@binds("rcu_read_lock")
def rcu_read_lock(engine: Engine) -> None:
    engine.machine.context.rcu_depth += 1
    enter(engine.machine, "rcu")


@binds("rcu_read_unlock")
def rcu_read_unlock(engine: Engine) -> None:
    context = engine.machine.context
    context.rcu_depth = max(context.rcu_depth - 1, 0)
    leave(engine.machine, "rcu")


@binds("synchronize_rcu")
def synchronize_rcu(engine: Engine) -> None:
    machine = engine.machine
    if machine.context.rcu_depth and machine.checks.lockdep is not None:
        message = "Illegal synchronize_rcu() in RCU read-side critical section"
        machine.checks.lockdep.suspicious_rcu(f"{RCU_FILE}:{GRACE_PERIOD_LINE}", message)
    machine.checks.might_sleep("synchronize_rcu", None, RCU_FILE, RCU_LINE)
    _wait_for_grace_period(engine, "synchronize_rcu")


@binds("rcu_barrier")
def rcu_barrier(engine: Engine) -> None:
    engine.machine.checks.might_sleep("mutex_lock", None, MUTEX_FILE, MUTEX_LINE)
    if world_of(engine).rcu_callbacks:
        _wait_for_grace_period(engine, "rcu_barrier")


def _wait_for_grace_period(engine: Engine, call: str) -> None:
    """Sleep until every reader has left its section: a reader that does so waits for itself."""
    machine, context = engine.machine, engine.machine.context
    if machine.phase != "running":
        return
    reader = context.rcu_depth
    if not context.may_sleep:
        schedule_while_atomic(engine, call)
    if reader or not context.may_sleep:
        pending.hang(engine, call, uninterruptible=True)
        return
    machine.clock.advance(GRACE_PERIOD)
    run_rcu_callbacks(engine)


@binds("call_rcu")
def call_rcu(engine: Engine, head: int, function: int) -> None:
    world_of(engine).rcu_callbacks.append((function, head))


@binds("__kmq_kfree_rcu")
def kfree_rcu(engine: Engine, address: int) -> None:
    gave_back(engine, address, "kfree_rcu", *ANY)
    world_of(engine).rcu_callbacks.append((0, address))


def finish_kfree_rcu(engine: Engine) -> None:
    """Wait until everything given to kfree_rcu is free (`kvfree_rcu_barrier`)."""
    world = world_of(engine)
    waiting = [argument for function, argument in world.rcu_callbacks if not function]
    if not waiting:
        return
    engine.machine.clock.advance(GRACE_PERIOD)
    world.rcu_callbacks = deque(entry for entry in world.rcu_callbacks if entry[0])
    for address in waiting:
        engine.machine.vmalloc.kvfree(address)


def run_rcu_callbacks(engine: Engine) -> None:
    """A grace period has passed: run what waited for it, in softirq context."""
    from kmemquest.driver.contexts import softirq

    world = world_of(engine)
    while world.rcu_callbacks:
        function, argument = world.rcu_callbacks.popleft()
        with softirq(engine.machine, "rcu"):
            if function:
                engine.call(function, argument)
            else:
                engine.machine.vmalloc.kvfree(argument)
