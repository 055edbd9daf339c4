"""Sleeping where sleeping is forbidden (`kernel/sched/core.c:__might_resched`).

The check fires on the call, whether or not it would have slept this time; that is why a debug
kernel finds the bug at once and a distribution's kernel says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.events import Report, SleptInAtomic
from kmemquest.kernel.text.dump_stack import dump_stack

if TYPE_CHECKING:
    from kmemquest.kernel.context import Frame
    from kmemquest.kernel.machine import Machine

REPORT_INTERVAL: Final = 1_000_000_000
"""At most one report a second."""

BOOTING: Final = ("memblock", "buddy", "slab", "vmalloc", "late")


def check_sleep(machine: Machine, call: str, gfp: int | None, file: str, line: int) -> None:
    """Report a possibly sleeping call in a context that must not sleep."""
    if gfp is not None and not gfp_flags.allows_blocking(gfp):
        return
    context = machine.context
    if context.may_sleep or machine.phase in BOOTING:
        return
    site = context.site
    if _is_repeat(machine, site):
        return
    if machine.events.active:
        machine.events.emit(SleptInAtomic(call, context.kind, site))
    if machine.checks.config.atomic_sleep:
        _print_report(machine, call, file, line)
    elif machine.events.active:
        machine.events.emit(
            Report("sleep-in-atomic", "silent", "", site=site, spoken=False, detail=call)
        )


def _is_repeat(machine: Machine, site: Frame | None) -> bool:
    """Tell whether this statement was just caught: an allocation passes several such checks."""
    checks, now = machine.checks, machine.clock.now
    last = checks.last_slept
    checks.last_slept = (site, now)
    return last is not None and last[0] == site and now - last[1] < REPORT_INTERVAL


def _print_report(machine: Machine, call: str, file: str, line: int) -> None:
    checks, context = machine.checks, machine.context
    last = checks.last_sleep_report
    if last is not None and machine.clock.now - last < REPORT_INTERVAL:
        machine.report(
            Report("sleep-in-atomic", "silent", "", site=context.site, spoken=False, detail=call)
        )
        return
    checks.last_sleep_report = machine.clock.now
    headline = f"BUG: sleeping function called from invalid context at {file}:{line}"
    lines = [
        headline,
        f"in_atomic(): {int(context.in_atomic)}, irqs_disabled(): {int(context.irqs_disabled)}, "
        f"non_block: 0, pid: {context.task.pid}, name: {context.task.comm}",
        f"preempt_count: {context.preempt_count:x}, expected: 0",
        f"RCU nest depth: {context.rcu_depth}, expected: 0",
        *_held_locks(machine),
        *dump_stack(machine, ("dump_stack_lvl", "__might_resched", f"{call}_noprof")),
    ]
    machine.report(
        Report(
            "sleep-in-atomic",
            "BUG report",
            headline,
            tuple(lines),
            site=context.site,
            detail=call,
        )
    )
    checks.taint.add("W")


def _held_locks(machine: Machine) -> list[str]:
    context = machine.context
    if not machine.checks.config.lockdep:
        return []
    task = f"{context.task.comm}/{context.task.pid}"
    if not context.locks:
        return [f"no locks held by {task}."]
    plural = "s" if len(context.locks) > 1 else ""
    lines = [f"{len(context.locks)} lock{plural} held by {task}:"]
    for index, lock in enumerate(context.locks):
        kind = "2:2" if lock.spinning else "3:3"
        lines.append(f" #{index}: {lock.address:016x} ({lock.name}){{+.+.}}-{{{kind}}}")
    return lines
