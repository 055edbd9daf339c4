"""Tasks that can be put aside: kernel threads, workers, threaded interrupt handlers.

The script's own task (a system call, insmod) runs on the caller's thread of the host. Every other
task has a host thread of its own, but only one of all these threads ever runs: the baton changes
hands where C code sleeps and nowhere else, so a run is as deterministic as a chain of calls.

A task that waits leaves a question behind, `ready`, which is asked whenever the scheduler looks for
work (`pending.run_pending`); whoever asks lets it go on, and gets the baton back when it waits
again or ends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver.engine_memory import Unwind
from kmemquest.driver.host_threads import HostThread, HostThreads
from kmemquest.driver.placement import map_image, unmap
from kmemquest.kernel.address import THREAD_SIZE, VMALLOC_END

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine, StackState
    from kmemquest.driver.placement import Area

_RECURSION: Final = 10_000
STACKS_AT: Final = VMALLOC_END + 1 - (1 << 30)
"""Task stacks lie in vmalloc's part of the address space, where no area will ever be."""
MOST_TASKS: Final = 256
"""Tasks that wait at a time; a driver that starts more is stopped."""
CONTEXT_FIELDS: Final = (
    "task", "preempt_depth", "softirq_depth", "hardirq_depth", "nmi_depth",
    "irqs_disabled_depth", "rcu_depth", "irq_line", "locks", "stack",
)  # fmt: skip


def _at_once() -> bool:
    return True


@dataclass(eq=False, slots=True)
class SimTask:
    """One task, running or put aside. `deadline` is the nanosecond at which a sleep is over."""

    name: str
    body: Callable[[], None]
    key: object = None
    """What the task serves, a work item or the task_struct of a thread."""
    thread: bool = False
    """A kernel thread of the driver: it may sleep for ever, and nobody waits for it."""
    ready: Callable[[], bool] = _at_once
    deadline: int | None = None
    waits_in: str = ""
    turns: int = 0
    """How often it asked whether to stop since it last waited."""
    kicked: bool = False
    """Somebody called wake_up_process(): an interruptible sleep is over."""
    uninterruptible: bool = False
    state: int = 0
    """What set_current_state() said: 0 is TASK_RUNNING."""
    returns_to: int = 0
    """Address of the driver's code that goes on after the wait."""
    hangs: bool = False
    finished: bool = False
    dismissed: bool = False
    error: BaseException | None = None
    stack: Area | None = None
    context: tuple[Any, ...] = ()
    frames: StackState | None = None
    host: HostThread | None = None


def _run(task: SimTask) -> None:
    """Run a task to its end on its host thread; what it raises, the resumer raises."""
    try:
        task.body()
    except Unwind:
        pass
    except BaseException as error:
        task.error = error
    task.finished = True


class Tasks:
    """The tasks of one engine; `current` is None while the script's own task runs."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.current: SimTask | None = None
        self.waiting: list[SimTask] = []
        self._stacks: list[Area] = []
        self._hosts = HostThreads()

    def start(self, task: SimTask) -> None:
        """Run a new task until it waits or ends."""
        if len(self.waiting) >= MOST_TASKS:
            self.engine.stop("too-many-tasks", f"more than {MOST_TASKS} tasks wait at a time")
            return
        engine = self.engine
        task.stack = self._stacks.pop() if self._stacks else self._new_stack()
        low = task.stack.start
        top = low + THREAD_SIZE
        task.frames = engine.fresh_stack(low, top)
        context = engine.machine.context
        task.context = (context.task, 0, 0, 0, 0, 0, 0, None, [], [])
        task.host = self._hosts.take(partial(_run, task))
        self._hand_over(task)

    def wait(
        self,
        ready: Callable[[], bool],
        call: str,
        deadline: int | None = None,
        *,
        uninterruptible: bool = False,
    ) -> None:
        """Put the current task aside until `ready()`, or until a time (ns); not the script's own.

        An interruptible wait also ends when somebody wakes the task up.
        """
        from kmemquest.driver.pending import hang

        engine, task = self.engine, self.current
        assert task is not None
        clock = engine.machine.clock

        def over() -> bool:
            late = deadline is not None and clock.now >= deadline
            return late or ready() or (task.kicked and not uninterruptible)

        task.ready, task.waits_in, task.deadline = over, call, deadline
        task.uninterruptible, task.turns = uninterruptible, 0
        site = engine.machine.context.site
        task.returns_to = engine.code_address(site.function) if site is not None else 0
        self._save(task)
        self.waiting.append(task)
        assert task.host is not None
        task.host.pause()
        task.deadline, task.kicked = None, False
        if task.hangs:
            hang(engine, call, uninterruptible=uninterruptible)
        if task.dismissed:
            raise Unwind
        engine.check()
        if engine.released:
            # The module is gone, and with it the code that the task returns to.
            engine.jumped_astray(task.returns_to)
            raise Unwind

    def let_ready_run(self, only: SimTask | None = None) -> bool:
        """Let the tasks go on whose wait is over, the longest waiting first; tell if any did."""
        found = [t for t in self.waiting if only is None or t is only]
        ran = False
        for task in found:
            if task in self.waiting and self.engine.runs and task.ready():
                self.waiting.remove(task)
                self._hand_over(task)
                ran = True
        return ran

    def next_due(self) -> int | None:
        """Return the nanosecond at which the first sleep is over, None when nobody sleeps."""
        return min((t.deadline for t in self.waiting if t.deadline is not None), default=None)

    def serving(self, key: object) -> SimTask | None:
        """Return the waiting task that serves something."""
        return next((task for task in self.waiting if task.key is key or task.key == key), None)

    def dismiss(self) -> None:
        """End all tasks that wait: the run is over. Their C code unwinds.

        A thread may wait for work for ever; a worker that does is stuck, and that is told.
        """
        for task in list(self.waiting):
            task.hangs = not task.thread and task.deadline is None and self.engine.runs
            task.dismissed = True
            self.waiting.remove(task)
            self._hand_over(task)
        for area in self._stacks:
            unmap(self.engine.machine, area)
        self._stacks.clear()
        self._hosts.end()

    # --- the baton --------------------------------------------------------------------------

    def _hand_over(self, task: SimTask) -> None:
        engine, resumer = self.engine, self.current
        context = engine.machine.context
        saved = tuple(getattr(context, name) for name in CONTEXT_FIELDS)
        frames = engine.stack_state()
        self._restore(task.context, task.frames)
        engine.resumed_by(frames)
        self.current = task
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, _RECURSION))
        assert task.host is not None
        task.host.resume()
        sys.setrecursionlimit(limit)
        self.current = resumer
        self._restore(saved, frames)
        if task.finished and task.stack is not None:
            self._stacks.append(task.stack)
            self._hosts.give_back(task.host)
            task.stack = task.host = None
        if task.error is not None:
            raise task.error

    def _save(self, task: SimTask) -> None:
        context = self.engine.machine.context
        task.context = tuple(getattr(context, name) for name in CONTEXT_FIELDS)
        task.frames = self.engine.stack_state()

    def _restore(self, context: tuple[Any, ...], frames: StackState | None) -> None:
        for name, value in zip(CONTEXT_FIELDS, context, strict=True):
            setattr(self.engine.machine.context, name, value)
        if frames is not None:
            self.engine.use_stack(frames)

    def _new_stack(self) -> Area:
        return map_image(self.engine.machine, THREAD_SIZE, STACKS_AT)
