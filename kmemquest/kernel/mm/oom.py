"""The OOM killer: whom it chooses and what it says (`mm/oom_kill.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.address import PAGE_SIZE
from kmemquest.kernel.events import OomKilled
from kmemquest.kernel.mm.user_memory import Process

if TYPE_CHECKING:
    from kmemquest.kernel.context import Task
    from kmemquest.kernel.machine import Machine

OOM_SCORE_ADJ_MIN: Final = -1000
INIT_PID: Final = 1
CALLER_SHARED_PAGES: Final = 250
"""What a short-lived tool such as insmod has mapped of the root file system."""
KILL_COST: Final = 5_000_000
"""Nanoseconds until a killed process has given its memory back."""


def points(rss: int, page_table_bytes: int, adjustment: int, total_pages: int) -> int:
    """Return how deserving of death a process is, in pages (`oom_badness`)."""
    return rss + page_table_bytes // PAGE_SIZE + adjustment * (total_pages // 1000)


class OomKiller:
    """Chooses victims by resident memory, not by guilt."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.panic_on_oom = False
        """The sysctl vm.panic_on_oom."""

    def out_of_memory(self, gfp: int, order: int) -> bool:
        """Kill one process (`out_of_memory`); True means that the caller should try again."""
        machine = self._machine
        task = machine.context.task
        if task.oom_victim:
            return True
        if not gfp & _gfp.FS:
            # The file system might hold what reclaim needs: no kill, just another round.
            return True
        from kmemquest.kernel.text import oom_report

        self._note_caller(task)
        if self.panic_on_oom:
            oom_report.print_panic(machine, gfp, order)
            return False
        victim = self.select()
        if victim is None:
            oom_report.print_nobody_left(machine, gfp, order)
            return False
        oom_report.print_kill(machine, gfp, order, victim)
        machine.reclaim.count("oom_kill")
        freed = self._kill(victim)
        if machine.events.active:
            machine.events.emit(OomKilled(victim.pid, victim.comm, freed))
        return True

    def _note_caller(self, task: Task) -> None:
        """Make sure that the calling process is among those to choose from."""
        user = self._machine.reclaim.user
        if not task.kthread and task.pid > INIT_PID and task.pid not in user.processes:
            shared = min(CALLER_SHARED_PAGES, len(user.shmem))
            user.start(Process(task.pid, task.comm, shmem=shared))

    def select(self) -> Process | None:
        """Return the process with the most points, the last of equals (`select_bad_process`)."""
        chosen: Process | None = None
        most = 0
        for process in self._machine.reclaim.user.processes.values():
            badness = self.badness(process)
            if badness is not None and (chosen is None or badness >= most):
                chosen, most = process, badness
        return chosen

    def badness(self, process: Process) -> int | None:
        """Return a process's points in pages, None for those never killed (`oom_badness`)."""
        if process.pid == INIT_PID or process.oom_score_adj == OOM_SCORE_ADJ_MIN or process.dying:
            return None
        return points(
            process.rss, process.page_table_bytes, process.oom_score_adj, self.total_pages()
        )

    def total_pages(self) -> int:
        """Return the RAM that a score of 1000 stands for."""
        return sum(zone.managed for zone in self._machine.pages.zones)

    def _kill(self, victim: Process) -> int:
        machine = self._machine
        victim.dying = True
        task = machine.context.task
        if task.pid == victim.pid:
            # The caller itself: it dies when it returns, and may use the reserves until then.
            task.oom_victim = True
        machine.clock.advance(KILL_COST)
        return machine.reclaim.user.exit(victim)
