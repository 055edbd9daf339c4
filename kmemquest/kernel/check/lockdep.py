"""lockdep, as far as allocations and a driver's own locks need it (`kernel/locking/lockdep.c`).

It speaks of what could deadlock, not of what did: a lock taken in an interrupt that is elsewhere
taken with interrupts on, two locks taken in both orders (reclaim itself is a lock, `fs_reclaim`),
a sleeping lock inside a spinning one. Only the first report of a boot is printed; a taint that
makes lock state unreliable switches it off as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.context import PF_MEMALLOC
from kmemquest.kernel.events import Report
from kmemquest.kernel.log import KERN_WARNING
from kmemquest.kernel.text.build import build_of
from kmemquest.kernel.text.dump_stack import call_trace, dump_stack, format_taint

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

FS_RECLAIM: Final = "fs_reclaim"
RESOURCE_LOCK: Final = "resource_lock"
NO_LOCKDEP: Final = 0x4000000
"""__GFP_NOLOCKDEP."""
UNRELIABLE: Final = frozenset("BDPFLSM")
"""Taints after which lockdep keeps silent (`add_taint(…, LOCKDEP_NOW_UNRELIABLE)`)."""
EVERYWHERE: Final = frozenset(("HARDIRQ-ON", "SOFTIRQ-ON"))


class Lockdep:
    """What is known of lock classes, by name."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._after: dict[str, set[str]] = {}
        """Class -> classes that were taken while it was held."""
        self._usage: dict[str, set[str]] = {
            name: set(EVERYWHERE) for name in (FS_RECLAIM, RESOURCE_LOCK)
        }
        self._spoken = False
        self._in_reclaim = 0

    @property
    def on(self) -> bool:
        """Whether it still speaks."""
        return not self._spoken and not self._machine.checks.taint & UNRELIABLE

    def switch_off(self) -> None:
        """Another lock checker has complained: they share one switch (`debug_locks`)."""
        self._spoken = True

    def allocating(self, gfp: int) -> None:
        """An allocation that may enter reclaim takes fs_reclaim for a moment (`might_alloc`)."""
        wanted = gfp_flags.DIRECT_RECLAIM | gfp_flags.FS
        flags = self._machine.context.task.flags
        gfp = self._machine.context.scoped_gfp(gfp)
        if gfp & wanted == wanted and not flags & PF_MEMALLOC and not gfp & NO_LOCKDEP:
            self.acquire(FS_RECLAIM)

    def reclaim_begins(self) -> None:
        """Reclaim runs: whatever it takes now is taken inside fs_reclaim."""
        self._in_reclaim += 1

    def reclaim_ends(self) -> None:
        """Reclaim is over."""
        self._in_reclaim -= 1

    def acquire(self, name: str, *, sleeping: bool = False, address: int = 0) -> None:
        """Check that a lock may be taken here, and learn from it."""
        if not self.on:
            return
        context = self._machine.context
        if sleeping and self._spins():
            self._invalid_wait(name, address)
            return
        if not self._learn_usage(name) or context.in_interrupt:
            return
        held = [lock.name for lock in context.locks]
        if self._in_reclaim:
            held.append(FS_RECLAIM)
        for outer in held:
            if outer != name:
                if self._leads(name, outer):
                    self._circular(name, outer, address)
                    return
                self._after.setdefault(outer, set()).add(name)

    def _spins(self) -> bool:
        """Tell whether a lock held here, or the context, forbids a sleeping lock."""
        context = self._machine.context
        serving = context.softirq_depth & 1
        spinning = any(lock.spinning for lock in context.locks)
        return bool(spinning or context.rcu_depth or context.hardirq_depth or serving)

    def _learn_usage(self, name: str) -> bool:
        context = self._machine.context
        usage = self._usage.setdefault(name, set())
        new = set()
        if context.hardirq_depth:
            new.add("IN-HARDIRQ")
        elif context.softirq_depth & 1:
            new.add("IN-SOFTIRQ")
        if not context.irqs_disabled:
            new.add("HARDIRQ-ON")
            if not context.softirq_depth:
                new.add("SOFTIRQ-ON")
        for kind in ("HARDIRQ", "SOFTIRQ"):
            inside, outside = f"IN-{kind}", f"{kind}-ON"
            if inside in new and outside in usage:
                self._inconsistent(name, outside, inside)
                return False
            if outside in new and inside in usage:
                self._inconsistent(name, inside, outside)
                return False
        usage |= new
        return True

    def _leads(self, start: str, end: str) -> bool:
        """Tell whether `end` was ever taken, directly or not, inside `start`."""
        seen, todo = {start}, [start]
        while todo:
            for following in sorted(self._after.get(todo.pop(), ())):
                if following == end:
                    return True
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
        return False

    def not_held(self, name: str) -> None:
        """A lock is released that the task does not hold."""
        if not self.on:
            return
        body = [
            f"{self._task()} is trying to release lock ({name}) at:",
            *call_trace(self._machine, ())[1:2],
            "but there are no more locks to release!",
            "",
            "other info that might help us debug this:",
            *self.held_lines(),
            *self._backtrace(),
        ]
        self._print("unlock-not-held", "WARN", "WARNING: bad unlock balance detected!", body, "-")

    def freed(self, address: int, size: int) -> None:
        """Memory is freed: no lock in it may be held (`debug_check_no_locks_freed`)."""
        for lock in self._machine.context.locks:
            if address <= lock.address < address + size and self.on:
                body = [
                    f"{self._task()} is freeing memory {address:016x}-{address + size - 1:016x}, "
                    "with a lock still held there!",
                    self._lock(lock.name, lock.address),
                    *self.held_lines(),
                    *self._backtrace(),
                ]
                self._print("held-lock-freed", "WARN", "WARNING: held lock freed!", body, "-")

    def returning_to_user(self) -> None:
        """A system call ends: nothing may be held (`lockdep_sys_exit`)."""
        if not self._machine.context.locks or not self.on:
            return
        body = [
            f"{self._task()} is leaving the kernel with locks still held!",
            *self.held_lines(),
        ]
        title = "WARNING: lock held when returning to user space!"
        self._print("lock-not-released", "WARN", title, body, "-")

    def unregistered(self) -> None:
        """A lock in dynamic memory was never initialised (`assign_lock_key`); lockdep gives up."""
        if not self.on:
            return
        machine = self._machine
        self._spoken = True
        title = "INFO: trying to register non-static key."
        lines = (
            title,
            "The code is fine but needs lockdep annotation, or maybe",
            "you didn't initialize this object before use?",
            "turning off the locking correctness validator.",
            *dump_stack(machine, ("dump_stack_lvl", "register_lock_class", "lock_acquire")),
        )
        machine.report(Report("lock-not-initialised", "message", title, lines, site=machine.site))

    def suspicious_rcu(self, place: str, message: str) -> None:
        """RCU is used against its rules (`lockdep_rcu_suspicious`); lockdep itself goes on."""
        machine = self._machine
        if not self.on or not machine.checks.once(place):
            return
        title = "WARNING: suspicious RCU usage"
        lines = (
            "",
            "=" * len(title),
            title,
            self._identity(),
            "-" * len(title),
            f"{place} {message}!",
            "",
            "other info that might help us debug this:",
            "",
            "",
            "rcu_scheduler_active = 2, debug_locks = 1",
            *self.held_lines(),
            "",
            "stack backtrace:",
            *dump_stack(machine, ("dump_stack_lvl", "lockdep_rcu_suspicious")),
        )
        report = Report("sleep-in-rcu-reader", "WARN", title, lines, site=machine.site)
        machine.report(report, KERN_WARNING)

    # --- reports ----------------------------------------------------------------------------

    def _lock(self, name: str, address: int, wait: str = "0:0") -> str:
        return (
            f"{address or self._place_of(name):016x} ({name}){{+.+.}}-{{{wait}}}, at: lock_acquire"
        )

    def _place_of(self, name: str) -> int:
        held = [lock.address for lock in self._machine.context.locks if lock.name == name]
        return held[0] if held else 0xFFFF_FFFF_8200_0000 + sum(name.encode()) * 64

    def _identity(self) -> str:
        build = build_of(self._machine)
        taint = format_taint(self._machine.checks.taint)
        return f"{build.release} {build.version} {taint}"

    def _task(self) -> str:
        task = self._machine.context.task
        return f"{task.comm}/{task.pid}"

    def held_lines(self) -> list[str]:
        """Render `n locks held by …` and the locks."""
        locks = self._machine.context.locks
        if not locks:
            return [f"no locks held by {self._task()}."]
        plural = "s" if len(locks) > 1 else ""
        lines = [f"{len(locks)} lock{plural} held by {self._task()}:"]
        for index, lock in enumerate(locks):
            wait = "2:2" if lock.spinning else "3:3"
            lines.append(f" #{index}: {self._lock(lock.name, lock.address, wait)}")
        return lines

    def _print(self, kind: str, severity: str, title: str, body: list[str], mark: str) -> None:
        machine = self._machine
        self._spoken = True
        width = max(len(title), 30)
        lines = ("", "=" * width, title, self._identity(), mark * width, *body)
        report = Report(kind, severity, title, lines, site=machine.site)
        machine.report(report, KERN_WARNING)

    def _backtrace(self) -> list[str]:
        inner = ("dump_stack_lvl", "__lock_acquire", "lock_acquire")
        return ["", "stack backtrace:", *dump_stack(self._machine, inner)]

    def _inconsistent(self, name: str, before: str, now: str) -> None:
        context = self._machine.context
        counts = f"HC{context.hardirq_depth}[{context.hardirq_depth}]:SC{context.softirq_depth & 1}"
        enabled = f"HE{int(not context.irqs_disabled)}:SE{int(not context.softirq_depth)}"
        body = [
            f"inconsistent {{{before}-W}} -> {{{now}-W}} usage.",
            f"{self._task()} [{counts}[{context.softirq_depth & 1}]:{enabled}] takes:",
            self._lock(name, 0),
            f"{{{before}-W}} state was registered at:",
            "  lock_acquire",
            "",
            "other info that might help us debug this:",
            " Possible unsafe locking scenario:",
            "",
            "       CPU0",
            "       ----",
            f"  lock({name});",
            "  <Interrupt>",
            f"    lock({name});",
            "",
            " *** DEADLOCK ***",
            "",
            *self.held_lines(),
            *self._backtrace(),
        ]
        self._print("lock-inconsistent", "WARN", "WARNING: inconsistent lock state", body, "-")

    def _circular(self, name: str, outer: str, address: int) -> None:
        body = [
            f"{self._task()} is trying to acquire lock:",
            self._lock(name, address),
            "",
            "but task is already holding lock:",
            self._lock(outer, 0),
            "",
            "which lock already depends on the new lock.",
            "",
            "",
            "the existing dependency chain (in reverse order) is:",
            "",
            f"-> #1 ({outer}){{+.+.}}-{{0:0}}:",
            "       lock_acquire",
            "",
            f"-> #0 ({name}){{+.+.}}-{{3:3}}:",
            *(f"      {line}" for line in call_trace(self._machine, ("lock_acquire",))[2:4]),
            "",
            "other info that might help us debug this:",
            "",
            " Possible unsafe locking scenario:",
            "",
            "       CPU0                    CPU1",
            "       ----                    ----",
            f"  lock({outer});",
            f"                               lock({name});",
            f"                               lock({outer});",
            f"  lock({name});",
            "",
            " *** DEADLOCK ***",
            "",
            *self.held_lines(),
            *self._backtrace(),
        ]
        title = "WARNING: possible circular locking dependency detected"
        self._print("lock-order", "WARN", title, body, "-")

    def _invalid_wait(self, name: str, address: int) -> None:
        body = [
            f"{self._task()} is trying to lock:",
            self._lock(name, address, "4:4"),
            "other info that might help us debug this:",
            "context-{5:5}",
            *self.held_lines(),
            *self._backtrace()[1:],
        ]
        title = "[ BUG: Invalid wait context ]"
        self._print("lock-wait-context", "BUG report", title, body, "-")
