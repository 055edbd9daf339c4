"""Timers, workqueues, sleeping and waiting: `<linux/timer.h>`, `workqueue.h`, `delay.h`."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi, pending
from kmemquest.driver.binding import Argument, binds
from kmemquest.driver.busy_wait import spin
from kmemquest.driver.devices import TICK, jiffies, world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.printk_format import format_text, read_string
from kmemquest.kernel.check.oops import warn
from kmemquest.kernel.check.schedule import schedule_bug, scheduled_in_rcu_reader

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

FOREVER: Final = 1 << 40
"""Jiffies: MAX_SCHEDULE_TIMEOUT and all else that nobody lives to see."""
LONG_MASK: Final = (1 << 64) - 1
PENDING: Final = 1
"""WORK_STRUCT_PENDING, bit 0 of work->data."""
MSEC: Final = 1_000_000
WORKQUEUE_BYTES: Final = 512
WQ_FLAGS: Final = 0xCC0


@binds("__kmq_jiffies")
def read_jiffies(engine: Engine) -> int:
    return jiffies(engine.machine)


@binds("msecs_to_jiffies")
def msecs_to_jiffies(engine: Engine, milliseconds: int) -> int:
    return -(-milliseconds * MSEC // TICK)


@binds("usecs_to_jiffies")
def usecs_to_jiffies(engine: Engine, microseconds: int) -> int:
    return -(-microseconds * 1000 // TICK)


@binds("jiffies_to_msecs")
def jiffies_to_msecs(engine: Engine, ticks: int) -> int:
    return ticks * TICK // MSEC


@binds("ktime_get", "ktime_get_ns")
def ktime_get(engine: Engine) -> int:
    return engine.machine.clock.now


# --- timers -------------------------------------------------------------------------------


@binds("timer_setup")
def timer_setup(engine: Engine, timer: int, callback: int, flags: int) -> None:
    memory = engine.machine.memory
    memory.store_bytes(timer, bytes(16))
    for name, value in (("function", callback), ("flags", flags)):
        offset, size = abi.TIMER_LIST[name]
        memory.store(timer + offset, size, value)


@binds("mod_timer")
def mod_timer(engine: Engine, timer: int, expires: int) -> int:
    machine, world = engine.machine, world_of(engine)
    offset, size = abi.TIMER_LIST["expires"]
    machine.memory.store(timer + offset, size, expires)
    if not machine.memory.load(timer + abi.TIMER_LIST["function"][0], 8):
        return 0  # kernel/time/timer.c:__mod_timer: a timer that was shut down is not started
    was_pending = timer in world.timers
    world.timers[timer] = expires & LONG_MASK
    if not was_pending:
        machine.checks.ledger.acquired("timer", timer, 0, "mod_timer")
    return was_pending


@binds("add_timer")
def add_timer(engine: Engine, timer: int) -> None:
    offset, size = abi.TIMER_LIST["expires"]
    mod_timer(engine, timer, engine.machine.memory.load(timer + offset, size))


@binds("timer_shutdown_sync")
def timer_shutdown_sync(engine: Engine, timer: int) -> int:
    was_pending = timer_delete(engine, timer)
    offset, size = abi.TIMER_LIST["function"]
    engine.machine.memory.store(timer + offset, size, 0)
    return was_pending


@binds("timer_delete", "timer_delete_sync")
def timer_delete(engine: Engine, timer: int) -> int:
    was_pending = world_of(engine).timers.pop(timer, None) is not None
    gave_back(engine, timer, "timer_delete", "timer")
    return was_pending


@binds("timer_pending")
def timer_pending(engine: Engine, timer: int) -> int:
    return timer in world_of(engine).timers


# --- work ---------------------------------------------------------------------------------


@binds("__kmq_init_work")
def init_work(engine: Engine, work: int, function: int) -> None:
    memory = engine.machine.memory
    entry = work + abi.WORK_STRUCT["entry"][0]
    memory.store(work, 8, 0)
    memory.store(entry, 8, entry)
    memory.store(entry + 8, 8, entry)
    memory.store(work + abi.WORK_STRUCT["func"][0], 8, function)


@binds("__kmq_init_delayed_work")
def init_delayed_work(engine: Engine, work: int, function: int) -> None:
    init_work(engine, work, function)
    engine.machine.memory.store_bytes(work + abi.DELAYED_WORK["timer"][0], bytes(40))


@binds("__kmq_system_wq")
def system_wq(engine: Engine) -> int:
    singletons = world_of(engine).singletons
    if "system_wq" not in singletons:
        singletons["system_wq"] = engine.reserve(WORKQUEUE_BYTES)
    return singletons["system_wq"]


@binds("alloc_workqueue", variadic=True)
def alloc_workqueue(
    engine: Engine, template: int, flags: int, active: int, arguments: list[Argument]
) -> int:
    machine = engine.machine
    format_text(engine, read_string(machine, template), arguments)
    address = machine.kmalloc.kzalloc(WORKQUEUE_BYTES, WQ_FLAGS)
    world_of(engine).destroyed_queues.discard(address)
    return got(engine, "workqueue", address, WORKQUEUE_BYTES, "alloc_workqueue")


@binds("destroy_workqueue")
def destroy_workqueue(engine: Engine, queue: int) -> None:
    flush_workqueue(engine, queue)
    world_of(engine).destroyed_queues.add(queue)
    engine.machine.kmalloc.kfree(queue)
    gave_back(engine, queue, "destroy_workqueue", "workqueue")


@binds("queue_work")
def queue_work(engine: Engine, queue: int, work: int) -> int:
    memory = engine.machine.memory
    data = memory.load(work, 8)
    if data & PENDING:
        return 0
    if queue in world_of(engine).destroyed_queues:
        name = engine.symbol_name(memory.load(work + abi.WORK_STRUCT["func"][0], 8))
        text = f"workqueue: cannot queue {name} on wq"
        warn(engine.machine, "kernel/workqueue.c", 2251, "__queue_work", text)
        return 0
    if not memory.load(work + abi.WORK_STRUCT["func"][0], 8):
        warn(engine.machine, "kernel/workqueue.c", 1823, "__queue_work")
        return 0
    memory.store(work, 8, data | PENDING)
    world_of(engine).works.append(work)
    return 1


@binds("queue_delayed_work")
def queue_delayed_work(engine: Engine, queue: int, work: int, delay: int) -> int:
    if not delay:
        return queue_work(engine, queue, work)
    machine = engine.machine
    data = machine.memory.load(work, 8)
    if data & PENDING:
        return 0
    machine.memory.store(work, 8, data | PENDING)
    world_of(engine).delayed[work] = jiffies(machine) + delay
    return 1


@binds("mod_delayed_work")
def mod_delayed_work(engine: Engine, queue: int, work: int, delay: int) -> int:
    was_pending = cancel_work(engine, work)
    queue_delayed_work(engine, queue, work, delay)
    return was_pending


@binds("cancel_work_sync", "cancel_delayed_work_sync")
def cancel_work_sync(engine: Engine, work: int) -> int:
    engine.machine.checks.might_sleep("cancel_work_sync", None, "kernel/workqueue.c", 4390)
    was_pending = cancel_work(engine, work)
    _wait_for_works(engine, "cancel_work_sync", work)
    return was_pending


@binds("cancel_delayed_work", "cancel_work")
def cancel_work(engine: Engine, work: int) -> int:
    world, memory = world_of(engine), engine.machine.memory
    was_pending = work in world.works or work in world.delayed
    if was_pending:
        memory.store(work, 8, memory.load(work, 8) & ~PENDING)
    world.delayed.pop(work, None)
    if work in world.works:
        world.works.remove(work)
    return was_pending


@binds("flush_work", "flush_delayed_work")
def flush_work(engine: Engine, work: int) -> int:
    world, machine = world_of(engine), engine.machine
    machine.checks.might_sleep("flush_work", None, "kernel/workqueue.c", 4183)
    if work in world.delayed:
        del world.delayed[work]
        world.works.append(work)
    if work not in world.works and work not in world.busy_works:
        return 0
    pending.run_works(engine)
    _wait_for_works(engine, "flush_work", work)
    return 1


def _wait_for_works(engine: Engine, call: str, only: int | None = None) -> None:
    """Wait until no worker is busy with an item: whoever serves it himself waits for ever."""
    world, current = world_of(engine), engine.tasks.current
    own = current.key if current is not None and only is None else None

    def idle() -> bool:
        return all(work == own or only not in (None, work) for work in world.busy_works)

    pending.wait_until(engine, idle, call)


@binds("flush_workqueue")
def flush_workqueue(engine: Engine, queue: int) -> None:
    engine.machine.checks.might_sleep("flush_workqueue", None, "kernel/workqueue.c", 3920)
    pending.run_works(engine)
    _wait_for_works(engine, "flush_workqueue")


@binds("work_pending")
def work_pending(engine: Engine, work: int) -> int:
    return engine.machine.memory.load(work, 8) & PENDING


# --- sleeping and waiting -----------------------------------------------------------------


def _sleep(engine: Engine, nanoseconds: int, call: str) -> None:
    """Sleep: the scheduler runs what became due meanwhile. In atomic context it cannot."""
    machine = engine.machine
    if not machine.context.may_sleep and machine.phase == "running":
        schedule_while_atomic(engine, call)
        if not machine.context.may_sleep:
            return
    tasks = engine.tasks
    if tasks.current is None:
        pending.advance(engine, nanoseconds)
        return
    # Only a sleep that says so ends when somebody calls wake_up_process().
    firm = call != "schedule_timeout"
    tasks.wait(lambda: False, call, machine.clock.now + nanoseconds, uninterruptible=firm)


def schedule_while_atomic(engine: Engine, call: str) -> None:
    """Sleep for real where that is forbidden; interrupts merely switched off come back on."""
    machine = engine.machine
    context = machine.context
    if context.preempt_count:
        schedule_bug(machine, call)
    if context.rcu_depth:
        scheduled_in_rcu_reader(machine)
    if context.irqs_disabled_depth and not context.preempt_count:
        context.irqs_disabled_depth = 0


@binds("msleep")
def msleep(engine: Engine, milliseconds: int) -> None:
    _sleep(engine, milliseconds * MSEC + TICK, "msleep")


@binds("msleep_interruptible")
def msleep_interruptible(engine: Engine, milliseconds: int) -> int:
    _sleep(engine, milliseconds * MSEC + TICK, "msleep_interruptible")
    return 0


@binds("ssleep")
def ssleep(engine: Engine, seconds: int) -> None:
    _sleep(engine, seconds * 1000 * MSEC, "msleep")


@binds("fsleep")
def fsleep(engine: Engine, microseconds: int) -> None:
    if microseconds <= 10:
        udelay(engine, microseconds)
    else:
        _sleep(engine, microseconds * 1000, "usleep_range_state")


@binds("usleep_range")
def usleep_range(engine: Engine, least: int, most: int) -> None:
    _sleep(engine, least * 1000, "usleep_range_state")


@binds("udelay")
def udelay(engine: Engine, microseconds: int) -> None:
    spin(engine, microseconds * 1000)


@binds("ndelay")
def ndelay(engine: Engine, nanoseconds: int) -> None:
    engine.machine.clock.advance(nanoseconds)


@binds("mdelay")
def mdelay(engine: Engine, milliseconds: int) -> None:
    spin(engine, milliseconds * MSEC)


@binds("might_sleep")
def might_sleep(engine: Engine) -> None:
    site = engine.machine.site
    file, line = (site.file, site.line) if site is not None else ("", 0)
    engine.machine.checks.might_sleep("might_sleep", None, file, line)


@binds("schedule", "yield", "cond_resched")
def schedule(engine: Engine) -> int:
    machine, task = engine.machine, engine.tasks.current
    if not machine.context.may_sleep:
        schedule_while_atomic(engine, "schedule")
        return 0
    if task is not None and task.state:
        # Whoever says that he sleeps has to be woken up by name.
        engine.tasks.wait(lambda: False, "schedule", uninterruptible=False)
        task.state = 0
    else:
        pending.run_pending(engine)
    return 1


@binds("__kmq_set_state")
def set_state(engine: Engine, state: int) -> None:
    if engine.tasks.current is not None:
        engine.tasks.current.state = state


@binds("schedule_timeout", "schedule_timeout_interruptible", "schedule_timeout_uninterruptible")
def schedule_timeout(engine: Engine, ticks: int) -> int:
    _sleep(engine, min(ticks, 1 << 40) * TICK, "schedule_timeout")
    return 0


@binds("__kmq_wait_end")
def wait_end(engine: Engine, ticks: int) -> int:
    """Return the nanosecond at which a wait of so many jiffies is over; 0 for one without end."""
    return engine.machine.clock.now + min(ticks, FOREVER) * TICK if ticks else 0


@binds("__kmq_wait_left")
def wait_left(engine: Engine, end: int) -> int:
    """Return the jiffies left until then, at least 1: what wait_event_timeout() returns."""
    return max((end - engine.machine.clock.now) // TICK, 1)


@binds("__kmq_wait_step")
def wait_step(engine: Engine, queue: int, end: int, interruptible: int) -> int:
    """Sleep on a queue until somebody wakes it up; 0 when the wait is over without that."""
    machine, tasks, wakes = engine.machine, engine.tasks, world_of(engine).wakes
    if not machine.context.may_sleep:
        schedule_while_atomic(engine, "wait_event")
        return 0
    if end and machine.clock.now >= end:
        return 0
    before = wakes.get(queue, 0)
    if tasks.current is not None:
        tasks.wait(
            lambda: wakes.get(queue, 0) != before, "wait_event", end or None,
            uninterruptible=not interruptible,
        )  # fmt: skip
        return 1
    while wakes.get(queue, 0) == before:
        if end and machine.clock.now >= end:
            return 1
        if not (pending.advance_once(engine, end) if end else pending.run_next(engine)):
            if not interruptible:
                pending.hang(engine, "wait_event", uninterruptible=True)
            return 0
    return 1


@binds("wake_up")
def wake_up(engine: Engine, queue: int) -> None:
    engine.machine.memory.load(queue, 4)
    wakes = world_of(engine).wakes
    wakes[queue] = wakes.get(queue, 0) + 1


@binds("wait_for_completion")
def wait_for_completion(engine: Engine, completion: int) -> None:
    _complete(engine, completion, "wait_for_completion")


@binds("wait_for_completion_interruptible")
def wait_for_completion_interruptible(engine: Engine, completion: int) -> int:
    return 0 if _complete(engine, completion, "wait_for_completion_interruptible") else -512


@binds("wait_for_completion_timeout")
def wait_for_completion_timeout(engine: Engine, completion: int, ticks: int) -> int:
    clock = engine.machine.clock
    end = clock.now + min(ticks, FOREVER) * TICK
    if not _complete(engine, completion, "wait_for_completion_timeout", end):
        return 0
    return max((end - clock.now) // TICK, 1)


def _done(engine: Engine, completion: int) -> bool:
    return any(engine.machine.memory.peek(completion, 4))


def _complete(engine: Engine, completion: int, call: str, end: int | None = None) -> bool:
    """Wait for complete(); with an `end` (ns) no longer than until then."""
    machine, tasks = engine.machine, engine.tasks
    machine.checks.might_sleep(call, None, "kernel/sched/completion.c", 111)
    firm = call != "wait_for_completion_interruptible"
    while not machine.memory.load(completion, 4):
        if end is not None and machine.clock.now >= end:
            return False
        if not machine.context.may_sleep:
            schedule_while_atomic(engine, call)
        if not machine.context.may_sleep:
            pending.hang(engine, call, uninterruptible=firm)
            return False
        if tasks.current is not None:
            tasks.wait(lambda: _done(engine, completion), call, end, uninterruptible=firm)
            if not firm and not _done(engine, completion):
                return False
        elif end is not None:
            if not pending.advance_once(engine, end):
                return False
        elif not pending.run_next(engine):
            pending.hang(engine, call, uninterruptible=firm)
            return False
    done = machine.memory.load(completion, 4)
    if done != 0xFFFF_FFFF:
        machine.memory.store(completion, 4, done - 1)
    return True
