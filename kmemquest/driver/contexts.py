"""Entering and leaving the contexts in which driver code runs.

Each is a `with` block around the call: the counters move as `include/linux/preempt.h` has them,
the events tell it, and what the code forgot to undo is noticed on the way out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.context import Task
from kmemquest.kernel.events import ContextEntered, ContextLeft, Report

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

SYSCALL_COST: Final = 120
"""Nanoseconds into the kernel and back."""
IRQ_COST: Final = 700
"""Nanoseconds to take an interrupt and return from it."""
SOFTIRQ_COST: Final = 200


@contextmanager
def process(
    machine: Machine, comm: str, pid: int, *, kthread: bool = False, entry: str = ""
) -> Iterator[None]:
    """Run as a task; its unreleased locks and scopes are reported when it is done.

    `entry` names the way into the kernel for call traces (`kernel/text/entry_frames.py`).
    """
    context = machine.context
    before = context.task
    depths = (context.preempt_depth, context.irqs_disabled_depth, context.rcu_depth)
    softirqs = context.softirq_depth
    outer_locks, context.locks = context.locks, []
    task = context.task = Task(pid=pid, comm=comm[:15], kthread=kthread, entry=entry)
    enter(machine, "process", comm)
    machine.clock.advance(SYSCALL_COST)
    try:
        yield
    finally:
        if _alive(machine):
            _report_imbalance(machine, depths, softirqs)
        context.preempt_depth, context.irqs_disabled_depth, context.rcu_depth = depths
        context.softirq_depth = softirqs
        context.locks = outer_locks
        task.ended = True
        leave(machine, "process", comm)
        context.task = before


@contextmanager
def hardirq(machine: Machine, line: int) -> Iterator[None]:
    """Run an interrupt handler: local interrupts are off, nothing may sleep."""
    context = machine.context
    outer = context.irq_line
    context.hardirq_depth += 1
    context.irq_line = line
    enter(machine, "hardirq", f"irq {line}")
    machine.clock.advance(IRQ_COST)
    try:
        yield
    finally:
        context.hardirq_depth -= 1
        context.irq_line = outer
        leave(machine, "hardirq", f"irq {line}")


@contextmanager
def softirq(machine: Machine, name: str) -> Iterator[None]:
    """Run a softirq: a tasklet or a timer; interrupts are on, sleeping is forbidden."""
    context = machine.context
    context.softirq_depth += 1
    enter(machine, "softirq", name)
    machine.clock.advance(SOFTIRQ_COST)
    try:
        yield
    finally:
        context.softirq_depth -= 1
        leave(machine, "softirq", name)


@contextmanager
def on_cpu(machine: Machine, cpu: int) -> Iterator[None]:
    """Let another CPU act for a while: its slabs, its page lists, its per-CPU variables."""
    before = machine.slub.cpu
    machine.slub.cpu = cpu
    try:
        with machine.pages.acting_as(cpu):
            yield
    finally:
        machine.slub.cpu = before


def enter(machine: Machine, kind: str, name: str = "") -> None:
    """Tell that a context begins."""
    if machine.events.active:
        machine.events.emit(ContextEntered(kind, name))


def leave(machine: Machine, kind: str, name: str = "") -> None:
    """Tell that a context ends."""
    if machine.events.active:
        machine.events.emit(ContextLeft(kind, name))


def _alive(machine: Machine) -> bool:
    from kmemquest.kernel.machine import Fate

    return machine.fate is Fate.RUNNING


def _report_imbalance(machine: Machine, depths: tuple[int, int, int], softirqs: int) -> None:
    """A task that goes back to user space with preemption off cannot be scheduled away."""
    from kmemquest.kernel.check.schedule import schedule_headline
    from kmemquest.kernel.text.dump_stack import dump_stack, modules_line

    context = machine.context
    if context.preempt_depth > depths[0] or context.softirq_depth > softirqs:
        headline = schedule_headline(machine)
        lines = (headline, modules_line(machine), *dump_stack(machine, ("dump_stack_lvl",)))
        names = ", ".join(lock.name for lock in context.locks)
        machine.report(
            Report(
                "lock-not-released",
                "BUG report",
                headline,
                lines,
                site=context.site,
                detail=f"still held: {names}" if names else "preemption is still disabled",
            )
        )
        machine.checks.taint.add("W")
    elif context.locks or context.rcu_depth > depths[2] or context.irqs_disabled_depth > depths[1]:
        names = ", ".join(lock.name for lock in context.locks)
        machine.report(
            Report(
                "lock-not-released",
                "silent",
                "",
                spoken=False,
                detail=f"still held: {names}" if names else "a section is still open",
            )
        )
