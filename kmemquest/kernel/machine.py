"""The machine: boots from a spec and owns every subsystem.

    machine = Machine.boot(MachineSpec(ram=256 * MIB))
    pointer = machine.kmalloc.kmalloc(100, GFP_KERNEL)

`Machine(spec)` alone stops where the firmware map is in memblock, so that code of the early boot
can run; `handover()` goes on from there to a running system.
"""

from __future__ import annotations

import enum
import pickle
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from kmemquest.kernel.check.checks import Checks
from kmemquest.kernel.clock import Clock
from kmemquest.kernel.context import Context, Frame, Task
from kmemquest.kernel.events import BootPhase, EventStream, Report
from kmemquest.kernel.garbage import collector_paused
from kmemquest.kernel.log import KERN_ERR, KernelLog
from kmemquest.kernel.spec import MachineSpec, check_spec

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import DmaSubsystem
    from kmemquest.kernel.memory import Memory
    from kmemquest.kernel.mm.ioremap import IoRemap
    from kmemquest.kernel.mm.kmalloc import Kmalloc
    from kmemquest.kernel.mm.memblock import Memblock
    from kmemquest.kernel.mm.mempool import Mempools
    from kmemquest.kernel.mm.page_alloc import PageAllocator
    from kmemquest.kernel.mm.percpu import PercpuAllocator
    from kmemquest.kernel.mm.reclaim import Reclaim
    from kmemquest.kernel.mm.slub import SlabAllocator
    from kmemquest.kernel.mm.vmalloc import VmallocSpace


class Fate(enum.Enum):
    """What became of the running code: a driver engine looks here after each call."""

    RUNNING = "running"
    TASK_KILLED = "task killed"
    TASK_HANGS = "task hangs"
    """It sleeps for what never comes; the rest of the machine goes on."""
    CPU_HANGS = "cpu hangs"
    """A CPU spins for what never comes: nothing else runs there."""
    PANICKED = "panicked"

    @property
    def final(self) -> bool:
        """Whether nothing runs on this machine any more."""
        return self in (Fate.CPU_HANGS, Fate.PANICKED)


class Machine:
    """One simulated computer; deterministic in its spec and the commands it is given."""

    memory: Memory
    memblock: Memblock
    pages: PageAllocator
    reclaim: Reclaim
    slub: SlabAllocator
    kmalloc: Kmalloc
    vmalloc: VmallocSpace
    ioremap: IoRemap
    percpu: PercpuAllocator
    mempools: Mempools
    dma: DmaSubsystem

    def __init__(self, spec: MachineSpec) -> None:
        """Start the machine up to the point where memblock knows the RAM."""
        from kmemquest.kernel.boot import start_memblock

        check_spec(spec)
        self.spec = spec
        self.random = random.Random(spec.seed)
        self.clock = Clock()
        self.events = EventStream()
        self.log = KernelLog(self.clock, self.events)
        self.context = Context(Task(pid=0, comm="swapper/0"))
        self.checks = Checks(self)
        self.fate = Fate.RUNNING
        self.phase = "memblock"
        start_memblock(self)

    @classmethod
    def boot(cls, spec: MachineSpec | None = None) -> Machine:
        """Boot all the way to a running system with an idle shell."""
        machine = cls(spec or MachineSpec())
        machine.handover()
        return machine

    def handover(self, initcalls: Callable[[], None] | None = None) -> None:
        """Go on from memblock to zones, buddy, slab, vmalloc and the running system.

        `initcalls` runs those of built-in drivers, before init memory is freed.
        """
        from kmemquest.kernel.boot import hand_over

        hand_over(self, initcalls)

    def enter_phase(self, phase: str) -> None:
        """Note a boot phase: memblock, buddy, slab, vmalloc, late, running."""
        self.phase = phase
        if self.events.active:
            self.events.emit(BootPhase(phase))

    @property
    def slab_is_available(self) -> bool:
        """True once kmalloc works (`slab_is_available()`)."""
        return self.phase in ("slab", "vmalloc", "late", "running")

    # --- reports and their consequences -----------------------------------------------------

    def report(self, report: Report, level: int = KERN_ERR) -> None:
        """Print a report's lines to the log and put it on the stream."""
        if report.spoken:
            for line in report.lines or (report.headline,):
                self.log.print(line, level)
        if self.events.active:
            self.events.emit(report)

    @property
    def site(self) -> Frame | None:
        """The driver statement being executed."""
        return self.context.site

    def fault(
        self, address: int, size: int, *, write: bool, present: bool = False, execute: bool = False
    ) -> None:
        """A CPU access hit an unmapped or forbidden address: oops (`arch/x86/mm/fault.c`)."""
        from kmemquest.kernel.check.oops import page_fault_oops

        page_fault_oops(self, address, size, write=write, present=present, execute=execute)

    def kill_task(self) -> None:
        """The running task dies of an oops; where it must not die the machine panics instead."""
        self.fate = Fate.PANICKED if self.context.death_panics else Fate.TASK_KILLED

    # --- snapshots --------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Freeze the whole machine; listeners of the event stream are not part of it."""
        return pickle.dumps(self, protocol=pickle.HIGHEST_PROTOCOL)

    @staticmethod
    def restore(snapshot: bytes) -> Machine:
        """Wake a machine from a snapshot that this process has taken itself."""
        with collector_paused():
            machine = pickle.loads(snapshot)
        assert isinstance(machine, Machine)
        return machine
