"""The OOM killer: whom it shoots, when it does not, what it says."""

from __future__ import annotations

from kmemquest.kernel import gfp
from kmemquest.kernel.context import Task
from kmemquest.kernel.events import Event, OomKilled
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.spec import MIB, MachineSpec

PROCESSES = (("small", 2 * MIB, 0), ("large", 10 * MIB, 0), ("spared", 20 * MIB, -1000))


def _machine(processes: tuple[tuple[str, int, int], ...] = PROCESSES) -> Machine:
    return Machine.boot(MachineSpec(ram=128 * MIB, processes=processes))


def _hog(machine: Machine, mask: int, limit: int = 60_000) -> int:
    count = 0
    while count < limit and machine.pages.alloc_pages(mask, 0) >= 0:
        count += 1
    return count


def test_victims_die_by_size_and_the_exempt_one_never() -> None:
    machine = _machine()
    machine.context.task = Task(pid=200, comm="insmod")
    seen: list[Event] = []
    machine.events.subscribe(seen.append)
    free_before = machine.pages.nr_free_pages()
    got = _hog(machine, gfp.GFP_KERNEL)
    killed = [event.comm for event in seen if isinstance(event, OomKilled)]
    # The module that takes the memory owns no resident pages; its loader dies last.
    assert killed == ["large", "small", "sh", "insmod"]
    assert {p.comm for p in machine.reclaim.user.processes.values()} == {"init", "spared"}
    assert got > free_before - 200
    assert machine.context.task.oom_victim


def test_oom_score_adj_outweighs_size() -> None:
    machine = _machine((("big", 12 * MIB, 0), ("chosen", MIB, 500)))
    victim = machine.reclaim.oom.select()
    assert victim is not None
    assert victim.comm == "chosen"
    total = machine.reclaim.oom.total_pages()
    points = victim.rss + victim.page_table_bytes // 4096 + 500 * (total // 1000)
    assert machine.reclaim.oom.badness(victim) == points


def test_nofs_callers_kill_nobody() -> None:
    machine = _machine()
    before = set(machine.reclaim.user.processes)
    assert machine.reclaim.out_of_memory(gfp.GFP_NOFS, 0)
    assert set(machine.reclaim.user.processes) == before


def test_costly_orders_and_patient_callers_never_kill() -> None:
    machine = _machine()
    machine.context.task = Task(pid=200, comm="insmod")
    _hog(machine, gfp.GFP_KERNEL | gfp.RETRY_MAYFAIL | gfp.NOWARN)
    machine.pages.alloc_pages(gfp.GFP_KERNEL | gfp.NOWARN, 5)
    assert "oom_kill" not in machine.reclaim.counters


def test_nobody_left_is_a_panic() -> None:
    machine = _machine(())
    machine.context.task = Task(pid=50, comm="kworker/0:1", kthread=True)
    _hog(machine, gfp.GFP_KERNEL)
    assert machine.fate is Fate.PANICKED
    texts = [line.text for line in machine.log.lines]
    assert "Out of memory and no killable processes..." in texts
    assert "Kernel panic - not syncing: System is deadlocked on memory" in texts


def test_report_has_the_kernels_form() -> None:
    machine = _machine()
    machine.context.task = Task(pid=200, comm="insmod")
    first = len(machine.log.lines)
    assert machine.reclaim.out_of_memory(gfp.GFP_KERNEL, 0)
    lines = [line.text for line in machine.log.lines][first:]
    assert lines[0] == (
        "insmod invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"
    )
    assert (
        "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes "
        "swapents oom_score_adj name"
    ) in lines
    assert (
        "[    121]     0   121     3056     2891     2560        0       331    49152        0"
        "             0 large"
    ) in lines
    assert lines[-2] == (
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
        "global_oom,task_memcg=/,task=large,pid=121,uid=0"
    )
    assert lines[-1] == (
        "Out of memory: Killed process 121 (large) total-vm:12224kB, anon-rss:10240kB, "
        "file-rss:0kB, shmem-rss:1324kB, UID:0 pgtables:48kB oom_score_adj:0"
    )
