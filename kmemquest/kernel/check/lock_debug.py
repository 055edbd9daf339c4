"""What the locks themselves check on a debug build (DEBUG_SPINLOCK, DEBUG_MUTEXES).

Source: `kernel/locking/spinlock_debug.c:spin_bug`, `kernel/locking/mutex.c`. PROVE_LOCKING selects
both; all of them share one switch with lockdep, so only the first complaint of a boot is printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.check.oops import warn
from kmemquest.kernel.events import Report
from kmemquest.kernel.text.dump_stack import dump_stack

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

MAGIC: Final = 0xDEAD4EAD
MUTEX_FILE: Final = "kernel/locking/mutex.c"
SWITCH: Final = "debug-locks-off"


def compiled_in(machine: Machine) -> bool:
    """Tell whether the locks carry their debug fields: the build that has DEBUG_VM has them."""
    return machine.spec.checkers.debug_vm


def switched_off(machine: Machine) -> bool:
    """Switch lock debugging off (`debug_locks_off`); True when it was off already."""
    lockdep = machine.checks.lockdep
    if lockdep is not None:
        before = lockdep.on
        lockdep.switch_off()
        return not before
    return not machine.checks.once(SWITCH)


def spin_bug(machine: Machine, lock: int, words: str, *, magic: int = MAGIC, owned: bool) -> None:
    """Print what a spinlock found wrong with itself; execution goes on."""
    if not compiled_in(machine) or switched_off(machine):
        return
    task = machine.context.task
    name = f"{task.comm}/{task.pid}"
    headline = f"BUG: spinlock {words} on CPU#0, {name}"
    owner = f"{name}, .owner_cpu: 0" if owned else "<none>/-1, .owner_cpu: -1"
    lines = (
        headline,
        f" lock: {lock:#x}, .magic: {magic:08x}, .owner: {owner}",
        *dump_stack(machine, ("dump_stack_lvl", "do_raw_spin_lock")),
    )
    machine.report(Report("spinlock", "BUG report", headline, lines, lock, machine.site))


def mutex_warning(machine: Machine, line: int, function: str, condition: str) -> None:
    """Print a WARN of a mutex that does not look like one; execution goes on."""
    if compiled_in(machine) and not switched_off(machine):
        message = f"DEBUG_LOCKS_WARN_ON({condition})"
        warn(machine, MUTEX_FILE, line, function, message, kind="mutex")
