"""Sleeping where sleeping is forbidden (`kernel/sched/core.c:__might_resched`).

The check fires on the call, whether or not it would have slept this time; that is why a debug
kernel finds the bug at once and a distribution's kernel says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.events import Report, SleptInAtomic
from kmemquest.kernel.text.build import build_of, symbol_of, text_address
from kmemquest.kernel.text.dump_stack import dump_stack, symbol

if TYPE_CHECKING:
    from kmemquest.kernel.context import Frame
    from kmemquest.kernel.machine import Machine

REPORT_INTERVAL: Final = 1_000_000_000
"""At most one report a second."""

EVENT_EVERY: Final = 1_000_000
"""Nanoseconds between two of lockdep's interrupt events: a simulated rate."""

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
        spinning = tuple(lock.name for lock in context.locks if lock.spinning)
        irqs_off, reader = context.irqs_disabled, context.rcu_depth > 0
        machine.events.emit(SleptInAtomic(call, context.kind, site, spinning, irqs_off, rcu=reader))
    if machine.checks.config.atomic_sleep:
        _print_report(machine, call, file, line)
    elif machine.events.active:
        machine.events.emit(
            Report(
                "sleep-in-atomic",
                "silent",
                "",
                site=site,
                spoken=False,
                detail=_told(machine, call),
            )
        )


def _told(machine: Machine, call: str) -> str:
    """Say what may sleep, and what forbids it here."""
    context = machine.context
    if context.in_interrupt or context.kind != "process":
        place = {"nmi": "in an NMI", "hardirq": "in a hardirq handler"}.get(
            context.kind, "in softirq context (or with bottom halves off)"
        )
    elif context.preempt_count:
        place = "with preemption off (a spinlock is held, say)"
    elif context.irqs_disabled:
        place = "with interrupts off"
    else:
        place = "inside an RCU read-side section"
    return f"{call}() may sleep, and it is called {place}"


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
            Report(
                "sleep-in-atomic",
                "silent",
                "",
                site=context.site,
                spoken=False,
                detail=_told(machine, call),
            )
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
        *_irq_events(machine),
        *dump_stack(machine, ("dump_stack_lvl", "__might_resched", *_functions(call))),
    ]
    machine.report(
        Report(
            "sleep-in-atomic",
            "BUG report",
            headline,
            tuple(lines),
            site=context.site,
            detail=_told(machine, call),
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
    site = context.site
    # Where a lock was taken is not kept; the function that runs now stands for it.
    taken = symbol(machine, site) if site is not None else "0x0"
    for index, lock in enumerate(context.locks):
        kind = "2:2" if lock.spinning else "3:3"
        lines.append(
            f" #{index}: {lock.address:016x} ({lock.name}){{+.+.}}-{{{kind}}}, at: {taken}"
        )
    return lines


def _irq_events(machine: Machine) -> list[str]:
    """Render when interrupts were last switched, as lockdep does while they are off."""
    if not (machine.checks.config.lockdep and machine.context.irqs_disabled):
        return []
    build = build_of(machine)
    stamp = machine.clock.now // EVENT_EVERY
    rows = (
        ("hardirqs last  enabled", stamp - 1, "do_syscall_64"),
        ("hardirqs last disabled", stamp, "_raw_spin_lock_irqsave"),
        ("softirqs last  enabled", stamp - 9, "irq_exit_rcu"),
        ("softirqs last disabled", stamp - 12, "irq_exit_rcu"),
    )
    lines = [f"irq event stamp: {stamp}"]
    for words, number, function in rows:
        place = symbol_of(build, function)
        lines.append(f"{words} at ({max(number, 0)}): [<{text_address(place):016x}>] {place}")
    return lines


_FAULTING: Final = {
    "copy_to_user": ("__might_fault", "_copy_to_user"),
    "copy_from_user": ("__might_fault", "_copy_from_user"),
    "strncpy_from_user": ("__might_fault", "strncpy_from_user"),
    "clear_user": ("__might_fault",),
}
"""Calls that may fault: copy_to_user() and its like are inline and leave no frame themselves."""


def _functions(call: str) -> tuple[str, ...]:
    """Return the kernel's functions between a call and the check, innermost first.

    Memory profiling wraps most of the allocating calls.
    """
    if call in _FAULTING:
        return _FAULTING[call]
    wrapped = "alloc" in call and not call.startswith("might")
    return (f"{call}_noprof" if wrapped else call,)
