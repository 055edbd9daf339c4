"""The checkers of one machine, and what they share: taint, once-only marks, loaded modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.check.atomic_sleep import check_sleep
from kmemquest.kernel.check.kasan import Kasan
from kmemquest.kernel.check.ledger import Holding, Ledger
from kmemquest.kernel.check.lockdep import Lockdep

if TYPE_CHECKING:
    from kmemquest.kernel.check.fault_injection import FaultInjection
    from kmemquest.kernel.check.shadow import Shadow
    from kmemquest.kernel.context import Frame
    from kmemquest.kernel.machine import Machine


LOCK_DEBUGGING_OFF: Final = "lock-debugging-disabled"
"""Once-only mark of the line that tells of it; once per boot, not a warning."""


SLEEPING_LOCKS: Final = {
    "kernel/locking/mutex.c": "mutex",
    "include/linux/uaccess.h": "&mm->mmap_lock",
}
"""Files whose might_sleep comes right before a lock that sleeps, and what the lock is called."""
LOCKS_OF: Final = {
    "kmem_cache_create": "slab_mutex",
    "kmem_cache_destroy": "slab_mutex",
    "pcpu_alloc": "pcpu_alloc_mutex",
    "dma_pool_create": "pools_reg_lock",
    "dma_pool_destroy": "pools_reg_lock",
    "cma_alloc": "cma_mutex",
}


class Checks:
    """Holds the checkers that the machine's kernel is built with; absent ones are None."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.config = machine.spec.checkers
        self.kasan: Kasan | None = Kasan(machine) if self.config.kasan else None
        self.lockdep: Lockdep | None = Lockdep(machine) if self.config.lockdep else None
        self.faults: FaultInjection | None = None
        """failslab and fail_page_alloc, once somebody asked for failures."""
        self.shadow: Shadow | None = None
        """The simulator's own knowledge of who owns which byte, in runs that ask for it."""
        self.book = Ledger()
        self.taint: set[str] = set()
        """Taint letters that are set (`kernel/panic.c:taint_flags`)."""
        self.built_in: set[str] = set()
        """Names of drivers that are part of the kernel image."""
        self.modules: list[str] = []
        """Names of the modules loaded now."""
        self.symbols: dict[str, tuple[int, int]] = {}
        """Driver function -> (first, last) source line, for offsets in stack dumps."""
        self.variables: dict[int, tuple[str, int, str]] = {}
        """Address of a driver's static object -> (name, size as %pS shows it, its module)."""
        self._once: set[str] = set()
        self.last_sleep_report: int | None = None
        """When the last sleeping-in-atomic report was printed, in nanoseconds since boot."""
        self.last_slept: tuple[Frame | None, int] | None = None
        """The statement last caught in a call that may sleep, and when."""
        self.oops_count = 0

    def might_sleep(
        self,
        call: str,
        gfp: int | None = None,
        file: str = "include/linux/sched/mm.h",
        line: int = 321,
    ) -> None:
        """Check a call that may sleep; with `gfp` only if that mask allows direct reclaim."""
        lockdep = self.lockdep
        if lockdep is not None and gfp is not None:
            lockdep.allocating(gfp)
        check_sleep(self._machine, call, gfp, file, line)
        if lockdep is not None and file in SLEEPING_LOCKS:
            lockdep.acquire(LOCKS_OF.get(call, SLEEPING_LOCKS[file]), sleeping=True)

    @contextmanager
    def in_reclaim(self) -> Iterator[None]:
        """Whatever is taken in this block is taken inside reclaim."""
        if self.lockdep is None:
            yield
            return
        self.lockdep.reclaim_begins()
        try:
            yield
        finally:
            self.lockdep.reclaim_ends()

    def once(self, key: str) -> bool:
        """Return True the first time a key is asked for, as WARN_ON_ONCE does."""
        if key in self._once:
            return False
        self._once.add(key)
        return True

    def rearm_warnings(self) -> None:
        """Let every once-only WARNING speak again (`/sys/kernel/debug/clear_warn_once`)."""
        self._once &= {LOCK_DEBUGGING_OFF}

    # --- the driver's holdings --------------------------------------------------------------

    def acquired(self, kind: str, address: int, size: int, function: str) -> None:
        """Note in the ledger that the driver got something, at the present statement."""
        machine = self._machine
        self.book.acquired(kind, address, size, function, machine.site, machine.clock.now)

    def released(self, kind: str, address: int) -> Holding | None:
        """Note in the ledger that the driver gave something back; None if it held no such thing."""
        return self.book.released(kind, address, self._machine.site)

    @property
    def ledger(self) -> LedgerAtSite:
        """The ledger as the bindings use it: sites and times are filled in."""
        return LedgerAtSite(self)


class LedgerAtSite:
    """A thin view of the ledger that adds the present driver statement."""

    __slots__ = ("_checks",)

    def __init__(self, checks: Checks) -> None:
        self._checks = checks

    def acquired(self, kind: str, address: int, size: int, function: str) -> None:
        """See `Checks.acquired`."""
        self._checks.acquired(kind, address, size, function)

    def released(self, kind: str, address: int, function: str = "") -> Holding | None:
        """See `Checks.released`; `function` is the freeing call, kept for symmetry."""
        del function
        return self._checks.released(kind, address)

    def find(self, kind: str, address: int) -> Holding | None:
        """See `Ledger.find`."""
        return self._checks.book.find(kind, address)

    def live(self) -> tuple[Holding, ...]:
        """See `Ledger.live`."""
        return self._checks.book.live()
