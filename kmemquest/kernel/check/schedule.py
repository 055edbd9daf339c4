"""Sleeping for real where preemption is off: every kernel notices (`__schedule_bug`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.events import Report
from kmemquest.kernel.text.dump_stack import (
    BUILD,
    RELEASE,
    call_trace,
    dump_stack,
    format_taint,
    modules_line,
)

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

HUNG_SECONDS: Final = 120
"""`CONFIG_DEFAULT_HUNG_TASK_TIMEOUT`."""


def schedule_headline(machine: Machine) -> str:
    """Render the first line; the scheduler itself has raised the count by one."""
    task, count = machine.context.task, machine.context.preempt_count + 1
    return f"BUG: scheduling while atomic: {task.comm}/{task.pid}/{count:#010x}"


def schedule_bug(machine: Machine, call: str) -> None:
    """Report that the scheduler was called in atomic context, from `call`."""
    headline = schedule_headline(machine)
    inner = ("dump_stack_lvl", "__schedule_bug", "__schedule", "schedule", call)
    lines = (headline, modules_line(machine), *dump_stack(machine, inner))
    machine.report(
        Report(
            "scheduling-while-atomic", "BUG report", headline, lines, site=machine.site, detail=call
        )
    )
    machine.checks.taint.add("W")
    # The scheduler puts the count right, so every unlock to come brings it below zero.
    machine.context.preempt_depth = 0


def scheduled_in_rcu_reader(machine: Machine) -> None:
    """Complain about a reader that gives up the CPU (`kernel/rcu/tree_plugin.h`)."""
    from kmemquest.kernel.check.oops import warn_once

    message = "Voluntary context switch within RCU read-side critical section!"
    warn_once(
        machine,
        "rcu_note_context_switch",
        "kernel/rcu/tree_plugin.h",
        331,
        "rcu_note_context_switch",
        message,
        kind="sleep-in-rcu-reader",
        inner=("__schedule", "schedule"),
    )


def hung_task(machine: Machine, inner: tuple[str, ...]) -> None:
    """Let khungtaskd find the running task: uninterruptible, and not switched to for 120 s.

    Only such a task is named: one that a signal could wake, or that wakes now and then to look, is
    passed over (`kernel/hung_task.c:check_hung_task`).
    """
    task = machine.context.task
    machine.clock.advance(HUNG_SECONDS * 1_000_000_000)
    headline = f"INFO: task {task.comm}:{task.pid} blocked for more than {HUNG_SECONDS} seconds."
    lines = (
        headline,
        f"      {format_taint(machine.checks.taint)} {RELEASE} {BUILD}",
        '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.',
        *call_trace(machine, ("__schedule", "schedule", *inner)),
    )
    machine.report(
        Report("hung-task", "message", headline, lines, site=machine.site, detail=inner[-1])
    )
