"""What the OOM killer prints (`mm/oom_kill.c:dump_header`, `__oom_kill_process`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.check.oops import panic
from kmemquest.kernel.events import Report
from kmemquest.kernel.log import KERN_ERR, KERN_WARNING
from kmemquest.kernel.mm.slab_geometry import SLAB_RECLAIM_ACCOUNT
from kmemquest.kernel.text.dump_stack import dump_stack
from kmemquest.kernel.text.mem_info import mem_info
from kmemquest.kernel.text.memory_counters import KIB_PER_PAGE, machine_counters
from kmemquest.kernel.text.page_failure_report import allowed_nodes

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.user_memory import Process

KILLER_FRAMES: Final = (
    "dump_stack_lvl",
    "dump_header",
    "oom_kill_process",
    "out_of_memory",
    "__alloc_pages_slowpath.constprop.0",
    "__alloc_pages_noprof",
    "alloc_pages_mpol_noprof",
)
NOBODY_FRAMES: Final = (
    "dump_stack_lvl",
    "dump_header",
    *KILLER_FRAMES[3:],
)
TASK_HEADING: Final = (
    "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes "
    "swapents oom_score_adj name"
)


@dataclass(frozen=True, slots=True)
class TaskPicture:
    """A task as the killer's table shows it; memory in pages, page tables in bytes."""

    pid: int
    comm: str
    uid: int
    total_vm: int
    anon: int
    shmem: int
    page_table_bytes: int
    oom_score_adj: int

    @property
    def rss(self) -> int:
        """All resident pages; this machine maps no files."""
        return self.anon + self.shmem


def task_picture(process: Process) -> TaskPicture:
    """Take the picture of a process."""
    return TaskPicture(
        process.pid,
        process.comm,
        process.uid,
        process.total_vm,
        process.anon,
        process.shmem,
        process.page_table_bytes,
        process.oom_score_adj,
    )


def print_kill(machine: Machine, gfp: int, order: int, victim: Process) -> None:
    """Print why the killer was called, the state of memory and tasks, and who dies."""
    header = _header(machine, gfp, order, KILLER_FRAMES)
    verdict, killed = death_lines(task_picture(victim), allowed_nodes(machine))
    lines = (*header, verdict, killed)
    report = Report(
        "oom-kill", "message", killed, lines, site=machine.site, detail=f"pid {victim.pid}"
    )
    machine.report(report, KERN_WARNING)


def death_lines(victim: TaskPicture, nodes: str) -> tuple[str, str]:
    """Render the verdict and the obituary; `nodes` is the list of allowed nodes."""
    kib = KIB_PER_PAGE
    verdict = (
        f"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed={nodes},"
        f"global_oom,task_memcg=/,task={victim.comm},pid={victim.pid},uid={victim.uid}"
    )
    killed = (
        f"Out of memory: Killed process {victim.pid} ({victim.comm}) "
        f"total-vm:{victim.total_vm * kib}kB, anon-rss:{victim.anon * kib}kB, file-rss:0kB, "
        f"shmem-rss:{victim.shmem * kib}kB, UID:{victim.uid} "
        f"pgtables:{victim.page_table_bytes >> 10}kB oom_score_adj:{victim.oom_score_adj}"
    )
    return verdict, killed


def invocation(comm: str, gfp: int, order: int, adjustment: int) -> str:
    """Render the first line of the report."""
    return (
        f"{comm} invoked oom-killer: gfp_mask={gfp:#x}({_gfp.format_gfp(gfp)}), "
        f"order={order}, oom_score_adj={adjustment}"
    )


def task_table(tasks: list[TaskPicture]) -> list[str]:
    """Render the table of tasks (`dump_tasks`)."""
    rows = [
        f"[{task.pid:7d}] {task.uid:5d} {task.pid:5d} {task.total_vm:8d} {task.rss:8d} "
        f"{task.anon:8d} {0:8d} {task.shmem:9d} {task.page_table_bytes:8d} {0:8d}         "
        f"{task.oom_score_adj:5d} {task.comm}"
        for task in tasks
    ]
    return ["Tasks state (memory values in pages):", TASK_HEADING, *rows]


def print_nobody_left(machine: Machine, gfp: int, order: int) -> None:
    """Print that nothing can be killed, and panic."""
    for line in _header(machine, gfp, order, NOBODY_FRAMES):
        machine.log.print(line, KERN_WARNING)
    machine.log.print("Out of memory and no killable processes...", KERN_ERR)
    panic(machine, "System is deadlocked on memory", kind="out-of-memory-panic")


def print_panic(machine: Machine, gfp: int, order: int) -> None:
    """Print the state of memory and tasks, and panic: the sysctl vm.panic_on_oom is set."""
    for line in _header(machine, gfp, order, NOBODY_FRAMES):
        machine.log.print(line, KERN_WARNING)
    message = "Out of memory: system-wide panic_on_oom is enabled"
    panic(machine, message, kind="out-of-memory-panic")


def _header(machine: Machine, gfp: int, order: int, frames: tuple[str, ...]) -> list[str]:
    task = machine.context.task
    caller = machine.reclaim.user.processes.get(task.pid)
    adjustment = caller.oom_score_adj if caller is not None else 0
    return [
        invocation(task.comm, gfp, order, adjustment),
        *dump_stack(machine, frames),
        *mem_info(machine, gfp),
        *_unreclaimable_slabs(machine),
        *task_table([task_picture(process) for process in _by_pid(machine)]),
    ]


def _by_pid(machine: Machine) -> list[Process]:
    """Return the killable processes; init is never listed (`dump_tasks`)."""
    processes = machine.reclaim.user.processes
    return [processes[pid] for pid in sorted(processes) if pid != 1]


def _unreclaimable_slabs(machine: Machine) -> list[str]:
    """List caches when slabs hold more than all user pages do (`dump_unreclaimable_slab`)."""
    counters = machine_counters(machine)
    lru = counters.active_anon + counters.inactive_file
    if counters.slab_unreclaimable <= lru:
        return []
    lines = ["Unreclaimable slab info:", "Name                      Used          Total"]
    for cache in reversed(machine.slub.caches):
        total = sum(part.total_objects for part in cache.nodes)
        if cache.flags & SLAB_RECLAIM_ACCOUNT or not total:
            continue
        free = sum(slab.objects - slab.inuse for n in cache.nodes for slab in n.partial.values())
        used_kib = (total - free) * cache.size // 1024
        lines.append(f"{cache.name:<17} {used_kib:10d}KB {total * cache.size // 1024:10d}KB")
    return lines
