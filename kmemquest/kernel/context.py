"""Who is running: task, interrupt levels, locks held, allocation scopes, and the call stack.

The driver room moves the context (enters interrupts, takes locks, pushes frames); the kernel room
only reads it. Source: `include/linux/preempt.h`, `include/linux/sched/mm.h`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from kmemquest.kernel import gfp as _gfp

PF_MEMALLOC: Final = 0x00000800
PF_MEMALLOC_NOFS: Final = 0x00040000
PF_MEMALLOC_NOIO: Final = 0x00080000
PF_MEMALLOC_PIN: Final = 0x10000000

SOFTIRQ_OFFSET: Final = 0x100
HARDIRQ_OFFSET: Final = 0x10000
NMI_OFFSET: Final = 0x100000


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the driver's call stack, innermost last in `Context.stack`.

    `file` and `line` name the statement being executed in that function.
    """

    function: str
    file: str
    line: int
    module: str = ""


@dataclass(slots=True)
class Task:
    """A task as far as memory management sees it."""

    pid: int
    comm: str
    flags: int = 0
    kthread: bool = False
    oom_victim: bool = False
    ended: bool = False
    """Whether it is gone or back in user space: what it still holds it will never release."""
    fail_nth: int = 0
    """Fault injection: which of the coming allocations fails, from 1; 0 means none."""
    entry: str = ""
    """How it came into the kernel, see `text/entry_frames.py:ENTRIES`; empty if nobody said."""


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock the running context holds; `spinning` locks forbid sleeping."""

    name: str
    spinning: bool
    address: int = 0
    irqs_were_disabled: bool = False


@dataclass(slots=True)
class Context:
    """The execution context, mutable; the driver room nests interrupts and locks through it."""

    task: Task
    preempt_depth: int = 0
    softirq_depth: int = 0
    hardirq_depth: int = 0
    nmi_depth: int = 0
    irqs_disabled_depth: int = 0
    rcu_depth: int = 0
    irq_line: int | None = None
    locks: list[HeldLock] = field(default_factory=list)
    stack: list[Frame] = field(default_factory=list)

    @property
    def in_hardirq(self) -> bool:
        """True inside a hard interrupt handler."""
        return self.hardirq_depth > 0

    @property
    def in_softirq(self) -> bool:
        """True while serving a softirq (tasklet, timer, NAPI)."""
        return self.softirq_depth > 0

    @property
    def in_interrupt(self) -> bool:
        """True in NMI, hard interrupt or softirq (`in_interrupt()`)."""
        return bool(self.nmi_depth or self.hardirq_depth or self.softirq_depth)

    @property
    def irqs_disabled(self) -> bool:
        """True when local interrupts are off."""
        return self.irqs_disabled_depth > 0 or self.hardirq_depth > 0

    @property
    def preempt_count(self) -> int:
        """The value of `preempt_count()` in the kernel's own encoding."""
        return (
            self.preempt_depth
            + self.softirq_depth * SOFTIRQ_OFFSET
            + self.hardirq_depth * HARDIRQ_OFFSET
            + self.nmi_depth * NMI_OFFSET
        )

    @property
    def in_atomic(self) -> bool:
        """True where `in_atomic()` is: some count forbids preemption."""
        return self.preempt_count != 0

    @property
    def may_sleep(self) -> bool:
        """True when a sleeping call is legal here (`kernel/sched/core.c:__might_resched`)."""
        return not (self.preempt_count or self.irqs_disabled or self.rcu_depth)

    @property
    def kind(self) -> str:
        """One of `nmi`, `hardirq`, `softirq`, `process`."""
        if self.nmi_depth:
            return "nmi"
        if self.hardirq_depth:
            return "hardirq"
        if self.softirq_depth:
            return "softirq"
        return "process"

    @property
    def death_panics(self) -> str:
        """What the panic says when the running code dies; empty when only the task dies.

        `kernel/exit.c:make_task_dead`, `do_exit`; `arch/x86/kernel/dumpstack.c:oops_end`.
        """
        if self.in_interrupt:
            return "Fatal exception in interrupt"
        if self.task.pid == 0:
            return "Attempted to kill the idle task!"
        return "Attempted to kill init! exitcode=0x00000009" if self.task.pid == 1 else ""

    @property
    def site(self) -> Frame | None:
        """The innermost driver frame, or None when no driver runs."""
        return self.stack[-1] if self.stack else None

    def scoped_gfp(self, mask: int) -> int:
        """Narrow a mask by the task's scopes (`include/linux/sched/mm.h:current_gfp_context`)."""
        flags = self.task.flags
        if flags & (PF_MEMALLOC_NOIO | PF_MEMALLOC_NOFS | PF_MEMALLOC_PIN):
            if flags & PF_MEMALLOC_NOIO:
                mask &= ~(_gfp.IO | _gfp.FS)
            elif flags & PF_MEMALLOC_NOFS:
                mask &= ~_gfp.FS
            if flags & PF_MEMALLOC_PIN:
                mask &= ~_gfp.MOVABLE
        return mask
