"""What waits for its turn: softirqs, timers, work, threads; and letting time pass.

The simulated machine has one running thread of control: an interrupt, a timer or a worker runs when
the script or a sleeping call lets it, always in its true context.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.contexts import hardirq, process, softirq
from kmemquest.driver.devices import TICK, jiffies, world_of
from kmemquest.driver.holdings import gave_back
from kmemquest.driver.tasks import SimTask
from kmemquest.kernel.context import Frame, Task
from kmemquest.kernel.events import Report

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine
    from kmemquest.kernel.machine import Machine

WORKER_PID: Final = 47
IDLE_NAME: Final = "swapper/0"
SCHEDULED: Final = 1
PENDING: Final = 1
IRQ_NONE: Final = 0
IRQ_WAKE_THREAD: Final = 2
HRTIMER_RESTART: Final = 1
TIMER_LINE: Final = 0
"""The local timer's interrupt stands for the line it has no number of."""
MAX_ROUNDS: Final = 10_000
"""Timers and work that keep coming are cut here; the engine's step limit comes first, mostly."""
TURNS_OF_ONE: Final = 1_000
"""Turns of one work item before others get theirs: one that queues itself again never ends."""


@contextmanager
def idle(machine: Machine) -> Iterator[None]:
    """The task sleeps and nothing else wants the CPU: interrupts find the idle task."""
    context = machine.context
    sleeper, locks = context.task, context.locks
    if machine.phase == "running" and context.may_sleep:
        context.task, context.locks = Task(0, IDLE_NAME, kthread=True), []
    try:
        yield
    finally:
        context.task, context.locks = sleeper, locks


def raise_irq(engine: Engine, line: int) -> int:
    """Deliver one interrupt: handlers in hardirq context, then what they left for later."""
    world = world_of(engine)
    if world.masked.get(line, 0) > 0:
        return IRQ_NONE
    handled = IRQ_NONE
    for action in list(world.irqs.get(line, ())):
        result = IRQ_WAKE_THREAD
        if action.handler:
            with hardirq(engine.machine, line):
                result = engine.call(action.handler, line, action.dev_id)
        if not running(engine):
            return handled
        handled = max(handled, result & 3)
        entry = (action.thread, line, action.dev_id)
        if result & 3 == IRQ_WAKE_THREAD and action.thread and entry not in world.dead_threads:
            world.threads.append(entry)
    run_tasklets(engine)
    return handled


def run_tasklets(engine: Engine) -> None:
    """Serve the tasklet softirq."""
    world, memory = world_of(engine), engine.machine.memory
    waiting = len(world.tasklets)
    for _ in range(waiting):
        if not world.tasklets or not running(engine):
            return
        tasklet = world.tasklets.popleft()
        if memory.load(tasklet + abi.TASKLET["count"][0], 4):
            world.tasklets.append(tasklet)
            continue
        state = tasklet + abi.TASKLET["state"][0]
        memory.store(state, 8, memory.load(state, 8) & ~SCHEDULED)
        function = memory.load(tasklet + abi.TASKLET["func"][0], 8)
        by_callback = memory.load(tasklet + abi.TASKLET["use_callback"][0], 1)
        data = tasklet if by_callback else memory.load(tasklet + abi.TASKLET["data"][0], 8)
        with softirq(engine.machine, "tasklet"):
            engine.call(function, data)


def run_timers(engine: Engine) -> None:
    """Run the timers that are due, earliest first, in softirq context."""
    world, machine = world_of(engine), engine.machine
    for _ in range(MAX_ROUNDS):
        now = jiffies(machine)
        due = sorted((expires, timer) for timer, expires in world.timers.items() if expires <= now)
        if not due or not running(engine):
            break
        timer = due[0][1]
        del world.timers[timer]
        gave_back(engine, timer, "timer", "timer")
        with softirq(machine, "timer"):
            with kernel_function(machine, "__run_timers"):
                function = machine.memory.load(timer + abi.TIMER_LIST["function"][0], 8)
            if running(engine):
                engine.call(function, timer)
    run_hrtimers(engine)
    now = jiffies(machine)
    for work in sorted(world.delayed, key=lambda item: (world.delayed[item], item)):
        if world.delayed[work] <= now and running(engine):
            del world.delayed[work]
            timer = work + abi.DELAYED_WORK["timer"][0]
            with softirq(machine, "timer"), kernel_function(machine, "__run_timers"):
                machine.memory.load(timer, 8)
            if running(engine):
                world.works.append(work)


@contextmanager
def kernel_function(machine: Machine, name: str) -> Iterator[None]:
    """Let a function of the kernel itself touch memory: reports name it, not the driver."""
    stack = machine.context.stack
    machine.context.stack = [*stack, Frame(name, "", 0)]
    try:
        yield
    finally:
        machine.context.stack = stack


def run_hrtimers(engine: Engine) -> None:
    """Run the high-resolution timers that are due: in hardirq context, or softirq if asked."""
    world, machine = world_of(engine), engine.machine
    for _ in range(MAX_ROUNDS):
        now = machine.clock.now
        due = sorted((at, timer) for timer, at in world.hrtimers.items() if at <= now)
        if not due or not running(engine):
            return
        timer = due[0][1]
        del world.hrtimers[timer]
        gave_back(engine, timer, "hrtimer", "hrtimer")
        memory = machine.memory
        memory.store(timer + abi.HRTIMER["state"][0], 1, 0)
        function = memory.load(timer + abi.HRTIMER["function"][0], 8)
        soft = memory.load(timer + abi.HRTIMER["is_soft"][0], 1)
        if not running(engine):
            return
        context = softirq(machine, "hrtimer") if soft else hardirq(machine, TIMER_LINE)
        with context:
            again = engine.call(function, timer) & 0xFFFF_FFFF
        if again == HRTIMER_RESTART and running(engine):
            expires = memory.load(timer + abi.HRTIMER["expires"][0], 8)
            world.hrtimers[timer] = max(expires, machine.clock.now + 1)


def run_works(engine: Engine) -> None:
    """Let the kernel's worker threads empty their queue (process context)."""
    world, turns = world_of(engine), Counter[int]()
    for _ in range(MAX_ROUNDS):
        # A work item never runs twice at a time: queued again while it sleeps, it waits for itself.
        runnable = (item for item in world.works if item not in world.busy_works)
        work = next((item for item in runnable if turns[item] < TURNS_OF_ONE), None)
        if work is None or not running(engine):
            return
        turns[work] += 1
        world.works.remove(work)
        engine.tasks.start(SimTask("kworker/0:1", partial(_work_turn, engine, work), key=work))


def _work_turn(engine: Engine, work: int) -> None:
    """Serve one work item, as `process_one_work` does."""
    world, machine = world_of(engine), engine.machine
    with process(machine, "kworker/0:1", WORKER_PID, kthread=True):
        with kernel_function(machine, "assign_work"):
            machine.memory.load(work + abi.WORK_STRUCT["entry"][0], 8)
        function = machine.memory.load(work + abi.WORK_STRUCT["func"][0], 8)
        data = machine.memory.load(work, 8)
        machine.memory.store(work, 8, data & ~PENDING)
        if running(engine):
            world.busy_works.append(work)
            try:
                engine.call(function, work)
            finally:
                world.busy_works.remove(work)


def run_threads(engine: Engine) -> None:
    """Run woken threaded handlers and new kernel threads."""
    world = world_of(engine)
    waiting = deque(entry for entry in world.threads if entry in world.busy_threads)
    while world.threads and running(engine):
        entry = world.threads.popleft()
        if entry not in world.busy_threads:
            _, line, dev_id = entry
            action = next((a for a in world.irqs.get(line, ()) if a.dev_id == dev_id), None)
            name = f"irq/{line}-{action.name if action else ''}"
            world.busy_threads.append(entry)
            body = partial(_irq_thread_turn, engine, entry, name)
            engine.tasks.start(SimTask(name, body, key=entry))
    # One thread serves an action: what came while it sleeps is its next turn, not a second thread.
    world.threads.extend(waiting)
    while world.kthreads and running(engine):
        task, function, data, name = world.kthreads.popleft()
        body = partial(_thread_life, engine, task, function, data, name)
        engine.tasks.start(SimTask(name, body, key=task, thread=True))


def _irq_thread_turn(engine: Engine, entry: tuple[int, int, int], name: str) -> None:
    """Run a threaded handler once."""
    world = world_of(engine)
    function, line, dev_id = entry
    try:
        with process(engine.machine, name, world.new_pid(), kthread=True):
            engine.call(function, line, dev_id)
    finally:
        world.busy_threads.remove(entry)
    if not running(engine):
        world.dead_threads.add(entry)


def _thread_life(engine: Engine, task: int, function: int, data: int, name: str) -> None:
    """Run a kernel thread from its first statement to its return."""
    world = world_of(engine)
    pid = abi.get(engine.machine, task, abi.TASK_STRUCT, "pid")
    with process(engine.machine, name, pid, kthread=True):
        world.thread_results[task] = engine.call(function, data)


def run_pending(engine: Engine) -> bool:
    """Run everything that is ready now; tell whether there was anything."""
    from kmemquest.driver.bindings.locks import run_rcu_callbacks

    world = world_of(engine)
    if not world.has_work and not engine.tasks.waiting:
        return False
    ready = engine.tasks.let_ready_run()
    ready = ready or bool(world.tasklets or world.kthreads or world.rcu_callbacks)
    ready = ready or any(entry not in world.busy_threads for entry in world.threads)
    ready = ready or any(work not in world.busy_works for work in world.works)
    run_tasklets(engine)
    run_timers(engine)
    run_threads(engine)
    run_works(engine)
    if engine.machine.context.may_sleep:
        run_rcu_callbacks(engine)
    return ready


def run_next(engine: Engine) -> bool:
    """Run what is ready, or go to the next timer; False when nothing will ever happen."""
    if run_pending(engine):
        return running(engine)
    due = next_due(engine)
    if due is None or not running(engine):
        return False
    advance(engine, max(due - engine.machine.clock.now, 0))
    return running(engine)


def advance_once(engine: Engine, end: int) -> bool:
    """Let the next thing happen, at `end` at the latest; False when nothing can run any more."""
    clock = engine.machine.clock
    if run_pending(engine):
        return running(engine)
    due = next_due(engine)
    clock.advance(max((end if due is None else min(due, end)) - clock.now, 0))
    run_pending(engine)
    return running(engine)


def advance(engine: Engine, nanoseconds: int) -> None:
    """Let simulated time pass, running timers and work as they come due."""
    machine = engine.machine
    end = machine.clock.now + nanoseconds
    run_pending(engine)
    for _ in range(MAX_ROUNDS):
        due = next_due(engine)
        if due is None or due > end or not running(engine):
            break
        machine.clock.advance(max(due - machine.clock.now, 0))
        with idle(machine):
            run_pending(engine)
    if machine.clock.now < end:
        machine.clock.advance(end - machine.clock.now)
    let_kernel_work(machine)


def sleep_until(engine: Engine, nanoseconds: int, woken: Callable[[], bool]) -> bool:
    """Sleep until somebody wakes the task, or a time is over; False when nothing can run."""
    from kmemquest.driver.bindings.timers import schedule_while_atomic

    machine, tasks = engine.machine, engine.tasks
    if not machine.context.may_sleep:
        schedule_while_atomic(engine, "io_schedule_timeout")
        if not machine.context.may_sleep:
            hang(engine, "io_schedule_timeout")
            return False
    end = machine.clock.now + nanoseconds
    if tasks.current is not None:
        tasks.wait(woken, "io_schedule_timeout", end, uninterruptible=True)
        return running(engine)
    while not woken() and machine.clock.now < end:
        with idle(machine):
            advance_once(engine, end)
        if not running(engine):
            return False
    return True


def wait_until(engine: Engine, ready: Callable[[], bool], call: str) -> bool:
    """Let the running task wait, uninterruptibly; False when it will wait for ever.

    The script's own task lets everybody else run; any other is put aside.
    """
    tasks = engine.tasks
    while not ready():
        if tasks.current is not None:
            tasks.wait(ready, call, uninterruptible=True)
        elif not run_next(engine):
            hang(engine, call, uninterruptible=True)
            return False
    return True


def let_workers_finish(engine: Engine) -> None:
    """Let time pass while a worker or a threaded handler sleeps: programs are slow."""
    for _ in range(MAX_ROUNDS):
        asleep = any(t.deadline is not None and not t.thread for t in engine.tasks.waiting)
        if not asleep or not running(engine):
            return
        run_next(engine)


def let_kernel_work(machine: Machine) -> None:
    """The CPU is free: kswapd, the statistics worker and deferred frees get their turn."""
    if machine.phase != "running" or not machine.context.may_sleep:
        return
    machine.vmalloc.let_worker_run()
    machine.reclaim.idle()


def hang(engine: Engine, call: str, *, uninterruptible: bool = False) -> None:
    """A task waits for something that nothing will ever do; it never runs again."""
    from kmemquest.kernel.check.schedule import hung_task
    from kmemquest.kernel.machine import Fate

    machine = engine.machine
    if machine.fate is not Fate.RUNNING:
        return
    if uninterruptible:
        hung_task(machine, ("schedule_timeout", call))
    else:
        site = machine.site
        machine.report(Report("task-hangs", "silent", "", site=site, spoken=False, detail=call))
    machine.fate = Fate.TASK_HANGS


def running(engine: Engine) -> bool:
    """Tell whether driver code can still run."""
    from kmemquest.kernel.machine import Fate

    return engine.machine.fate is Fate.RUNNING and engine.stopped is None


def next_due(engine: Engine) -> int | None:
    """Return the nanosecond at which the next timer expires."""
    machine, world = engine.machine, world_of(engine)
    first = machine.clock.now - machine.clock.now % TICK
    ticks = (*world.timers.values(), *world.delayed.values())
    times = [first + (tick - jiffies(machine)) * TICK for tick in ticks]
    sleep = engine.tasks.next_due()
    sleeps = () if sleep is None else (sleep,)
    return min((*times, *world.hrtimers.values(), *sleeps), default=None)
