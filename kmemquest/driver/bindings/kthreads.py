"""`<linux/kthread.h>`: kernel threads, from their creation to the wait for their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi, pending
from kmemquest.driver.binding import Argument, binds
from kmemquest.driver.devices import TICK, world_of
from kmemquest.driver.printk_format import format_text, read_string

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EINTR: Final = 4
SLICE_TURNS: Final = 100
"""How often a thread that never sleeps looks whether to stop before its time slice is over."""


@binds("kthread_create", variadic=True)
def kthread_create(
    engine: Engine, function: int, data: int, template: int, arguments: list[Argument]
) -> int:
    return _thread(engine, function, data, template, arguments, start=False)


@binds("kthread_run", variadic=True)
def kthread_run(
    engine: Engine, function: int, data: int, template: int, arguments: list[Argument]
) -> int:
    return _thread(engine, function, data, template, arguments, start=True)


def _thread(
    engine: Engine,
    function: int,
    data: int,
    template: int,
    arguments: list[Argument],
    *,
    start: bool,
) -> int:
    machine, world = engine.machine, world_of(engine)
    machine.checks.might_sleep("kthread_create_on_node", 0xCC0)
    name = format_text(engine, read_string(machine, template), arguments).decode("latin-1")[:15]
    task = engine.reserve(abi.TASK_STRUCT_SIZE)
    pid = world.new_pid()
    abi.put(machine, task, abi.TASK_STRUCT, "pid", pid)
    machine.memory.poke(task + abi.TASK_STRUCT["comm"][0], name.encode().ljust(16, b"\0"))
    if start:
        world.kthreads.append((task, function, data, name))
    else:
        world.sleeping[task] = (function, data, name)
    return task


@binds("wake_up_process")
def wake_up_process(engine: Engine, task: int) -> int:
    world = world_of(engine)
    entry = world.sleeping.pop(task, None)
    if entry is None:
        asleep = engine.tasks.serving(task)
        if asleep is None or asleep.kicked or asleep.uninterruptible:
            return 0
        asleep.kicked = True
        return 1
    world.kthreads.append((task, *entry))
    return 1


@binds("kthread_stop")
def kthread_stop(engine: Engine, task: int) -> int:
    """Ask a thread to end and wait for it; one that never ran is not called any more."""
    from kmemquest.driver.bindings.timers import schedule_while_atomic

    world, machine = world_of(engine), engine.machine
    machine.checks.might_sleep("kthread_stop", None, "kernel/sched/completion.c", 111)
    if not machine.context.may_sleep:
        schedule_while_atomic(engine, "kthread_stop")
    world.stopped.add(task)
    if world.sleeping.pop(task, None) is not None:
        return -EINTR
    for entry in list(world.kthreads):
        if entry[0] == task:
            world.kthreads.remove(entry)
            return -EINTR
    thread = engine.tasks.serving(task)
    if thread is not None:
        thread.kicked = True
        pending.wait_until(engine, lambda: engine.tasks.serving(task) is None, "kthread_stop")
    return world.thread_results.get(task, 0)


@binds("kthread_should_stop")
def kthread_should_stop(engine: Engine) -> int:
    """Tell a thread whether kthread_stop() waits for it; one that never sleeps is preempted."""
    world, tasks = world_of(engine), engine.tasks
    task = tasks.current
    if task is None or not task.thread:
        return 0
    if task.key not in world.stopped:
        task.turns += 1
        if task.turns > SLICE_TURNS and engine.machine.context.may_sleep:
            clock = engine.machine.clock
            tasks.wait(lambda: False, "schedule", clock.now + TICK, uninterruptible=True)
    return task.key in world.stopped
