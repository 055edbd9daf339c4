"""Waiting without sleeping: the CPU spins, and interrupts come in between.

The local timer's interrupt interrupts a delay loop like any other code: timers that come due
meanwhile run, in hardirq or softirq context, even while the loop holds a lock or is an RCU reader.
Only with interrupts off do they wait (`kernel/time/hrtimer.c:hrtimer_interrupt`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.driver import pending

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine


def spin(engine: Engine, nanoseconds: int) -> None:
    """Let time pass on this CPU; timers that come due interrupt it, if anything may."""
    machine = engine.machine
    context, clock = machine.context, machine.clock
    end = clock.now + nanoseconds
    if machine.phase == "running" and not context.irqs_disabled and not context.in_interrupt:
        for _ in range(pending.MAX_ROUNDS):
            due = pending.next_due(engine)
            if due is None or due > end or not pending.running(engine):
                break
            clock.advance(max(due - clock.now, 0))
            pending.run_timers(engine)
    clock.advance(max(end - clock.now, 0))
