"""Reclaim and kswapd: what they may take, when they run, when they stop."""

from __future__ import annotations

import pytest

from kmemquest.kernel import gfp
from kmemquest.kernel.context import PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO, HeldLock
from kmemquest.kernel.events import Event, KswapdWoken, Reclaimed, Report
from kmemquest.kernel.history import age
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.zone import WMARK_HIGH
from kmemquest.kernel.spec import MIB, MachineSpec


def _machine(page_cache: int = 100 * MIB) -> Machine:
    return Machine.boot(MachineSpec(ram=256 * MIB, page_cache=page_cache))


def test_reclaim_takes_only_page_cache_oldest_first() -> None:
    machine = _machine()
    cache = machine.reclaim.page_cache
    order = list(cache.lru[0])
    user = {pfn for pfn, owner in machine.pages.movable.items() if owner != 0}
    taken = set(machine.pages.frames.refcounts) - set(order)
    seen: list[Event] = []
    machine.events.subscribe(seen.append)
    got = machine.reclaim.direct_reclaim(gfp.GFP_KERNEL, 0, 0)
    assert 32 <= got < 64
    reclaimed = [pfn for event in seen if isinstance(event, Reclaimed) for pfn in event.pfns]
    assert reclaimed == order[:got]
    assert user <= set(machine.pages.movable)
    assert taken <= set(machine.pages.frames.refcounts)


def test_without_page_cache_reclaim_makes_no_progress() -> None:
    machine = _machine(0)
    assert machine.reclaim.direct_reclaim(gfp.GFP_KERNEL, 0, 0) == 0


@pytest.mark.parametrize("mask", [gfp.GFP_NOIO, gfp.GFP_NOFS])
def test_clean_pages_need_neither_io_nor_file_system(mask: int) -> None:
    assert _machine().reclaim.direct_reclaim(mask, 0, 0) >= 32


def _exhaust(machine: Machine, mask: int, limit: int = 100_000) -> int:
    count = 0
    while count < limit and machine.pages.alloc_pages(mask, 0) >= 0:
        count += 1
    return count


def test_kswapd_balances_to_the_high_mark_for_a_sleeping_caller() -> None:
    machine = _machine()
    seen: list[Event] = []
    machine.events.subscribe(seen.append)
    while not seen or not any(isinstance(event, KswapdWoken) for event in seen):
        seen.clear()
        assert machine.pages.alloc_pages(gfp.GFP_KERNEL, 0) >= 0
    zone = machine.pages.zones[1]
    # At least 32 came back, and the zone is above its high mark without the pages on the lists.
    assert any(isinstance(event, Reclaimed) and event.by == "kswapd" for event in seen)
    assert zone.true_free() > zone.mark(WMARK_HIGH)


def test_atomic_callers_only_wake_kswapd() -> None:
    machine = _machine()
    machine.context.preempt_depth = 1
    before = len(machine.reclaim.page_cache)
    _exhaust(machine, gfp.GFP_ATOMIC | gfp.NOWARN)
    assert len(machine.reclaim.page_cache) == before
    assert machine.reclaim.kswapds[0].pending
    assert machine.reclaim.run_kswapd() == 0
    machine.context.preempt_depth = 0
    assert machine.reclaim.run_kswapd() > 0
    assert machine.pages.alloc_pages(gfp.GFP_ATOMIC, 0) >= 0


def test_an_idle_second_folds_the_counters_and_runs_kswapd() -> None:
    machine = _machine()
    machine.context.preempt_depth = 1
    _exhaust(machine, gfp.GFP_ATOMIC | gfp.NOWARN)
    machine.context.preempt_depth = 0
    now = machine.clock.now
    assert machine.reclaim.idle(1_000_000_000) > 0
    assert machine.clock.now >= now + 1_000_000_000
    machine.reclaim.idle(1_000_000_000)
    assert [zone.diff for zone in machine.pages.zones] == [0, 0]


def test_background_compaction_follows_kswapd() -> None:
    machine = Machine.boot(MachineSpec(ram=128 * MIB))
    age(machine, seed=3, uptime="fragmented")
    machine.context.preempt_depth = 1
    assert machine.pages.alloc_pages(gfp.GFP_ATOMIC | gfp.NOWARN, 5) == -1
    machine.context.preempt_depth = 0
    machine.reclaim.idle()
    assert machine.reclaim.counters["compact_daemon_wake"] > 0
    machine.context.preempt_depth = 1
    assert machine.pages.alloc_pages(gfp.GFP_ATOMIC | gfp.NOWARN, 5) >= 0


def test_kswapd_gives_up_after_sixteen_vain_runs() -> None:
    machine = _machine(0)
    _exhaust(machine, gfp.GFP_ATOMIC | gfp.NOWARN)
    kswapd = machine.reclaim.kswapds[0]
    for _ in range(20):
        _exhaust(machine, gfp.GFP_ATOMIC | gfp.NOWARN)
        machine.reclaim.run_kswapd()
    assert kswapd.hopeless
    assert not kswapd.pending


def test_failure_report_has_the_kernels_form_and_its_rate_limit() -> None:
    machine = _machine(0)
    seen: list[Event] = []
    machine.events.subscribe(seen.append)
    machine.context.preempt_depth = 1
    first = len(machine.log.lines)
    _exhaust(machine, gfp.GFP_ATOMIC)
    machine.pages.alloc_pages(gfp.GFP_ATOMIC, 0)
    lines = [line.text for line in machine.log.lines][first:]
    heads = [line for line in lines if "page allocation failure" in line]
    assert heads == [
        "sh: page allocation failure: order:0, mode:0x820(GFP_ATOMIC), "
        "nodemask=(null),cpuset=/,mems_allowed=0"
    ]
    assert any(line.startswith(" warn_alloc+0x") for line in lines)
    assert lines[-1] == "0 pages hwpoisoned"
    reports = [event for event in seen if isinstance(event, Report)]
    assert [report.spoken for report in reports] == [True, False]
    machine.clock.advance(10_000_000_000)
    machine.pages.alloc_pages(gfp.GFP_ATOMIC, 0)
    again = [line.text for line in machine.log.lines if "page allocation failure" in line.text]
    assert len(again) == 2


def test_free_list_line_counts_what_is_on_the_lists() -> None:
    machine = _machine(0)
    machine.reclaim.warn_alloc(gfp.GFP_KERNEL, 10, 0)
    rows = [line.text for line in machine.log.lines if line.text.startswith("Node 0 DMA32: ")]
    zone = machine.pages.zones[1]
    total = sum(zone.nr_free(order) << order for order in range(11)) * 4
    assert rows[0].endswith(f" = {total}kB")
    assert f"{zone.nr_free(10)}*4096kB (M)" in rows[0]


def test_fragmented_past_leaves_memory_but_no_big_blocks() -> None:
    machine = Machine.boot(MachineSpec(ram=128 * MIB))
    before = machine.pages.nr_free_pages()
    age(machine, seed=7, uptime="fragmented")
    assert machine.pages.nr_free_pages() > before // 3
    machine.context.preempt_depth = 1
    assert machine.pages.alloc_pages(gfp.GFP_ATOMIC | gfp.NOWARN, 4) == -1
    assert machine.pages.alloc_pages(gfp.GFP_ATOMIC | gfp.NOWARN, 0) >= 0
    machine.context.preempt_depth = 0
    assert machine.pages.alloc_pages(gfp.GFP_KERNEL, 4) >= 0


def test_past_is_decided_by_its_seed() -> None:
    def past(seed: int) -> list[int]:
        machine = Machine.boot(MachineSpec(ram=96 * MIB))
        age(machine, seed=seed, uptime="worn")
        return sorted(machine.reclaim.page_cache.lru[0])

    assert past(1) == past(1)
    assert past(1) != past(2)


def test_unknown_past_is_refused() -> None:
    with pytest.raises(ValueError, match="fresh, worn, fragmented"):
        age(_machine(0), 1, "old")


@pytest.mark.parametrize(
    ("mask", "scope", "seen"),
    [
        (gfp.GFP_KERNEL, 0, gfp.GFP_KERNEL),
        (gfp.GFP_NOFS, 0, gfp.GFP_NOFS),
        (gfp.GFP_KERNEL, PF_MEMALLOC_NOFS, gfp.GFP_NOFS),
        (gfp.GFP_KERNEL, PF_MEMALLOC_NOIO, gfp.GFP_NOIO),
    ],
)
def test_shrinkers_see_the_mask_of_the_allocation(mask: int, scope: int, seen: int) -> None:
    machine = _machine(0)
    masks: list[tuple[str, int]] = []

    def shrink(_shrinker: int, mask: int, _node: int, _priority: int) -> int:
        masks.append((machine.context.task.comm, mask))
        return 0

    machine.reclaim.run_shrinker = shrink
    machine.reclaim.shrinkers.append(0x1000)
    machine.context.task.flags |= scope
    _exhaust(machine, mask | gfp.NORETRY | gfp.NOWARN)
    direct = {mask for comm, mask in masks if comm == "sh"}
    assert direct == {seen | gfp.NORETRY | gfp.NOWARN}
    # kswapd works for everybody: its own mask says that it may do anything.
    assert {mask for comm, mask in masks if comm == "kswapd0"} == {gfp.GFP_KERNEL}


def test_slab_pages_that_a_shrinker_frees_are_progress() -> None:
    machine = _machine(0)
    cache = machine.slub.create("pictures", 4096, 0, 0)
    assert cache is not None
    objects = [machine.slub.alloc(cache, gfp.GFP_KERNEL) for _ in range(2000)]
    asked: list[int] = []

    def shrink(_shrinker: int, _gfp: int, _node: int, priority: int) -> int:
        asked.append(priority)
        for _ in range(64):
            machine.slub.free(cache, objects.pop())
        return 64

    machine.reclaim.run_shrinker = shrink
    machine.reclaim.shrinkers.append(0x1000)
    before = machine.slub.released_pages
    got = machine.reclaim.direct_reclaim(gfp.GFP_KERNEL, 0, 0)
    assert got == machine.slub.released_pages - before
    assert got >= 32
    assert asked[0] == 12
    assert asked[-1] > 0, "32 pages are enough: it stops before the last priority"


def test_kswapd_calls_shrinkers_once_nobody_it_interrupts_holds_a_lock() -> None:
    machine = _machine()
    context, reclaim = machine.context, machine.reclaim
    callers: list[str] = []

    def shrink(_shrinker: int, _gfp: int, _node: int, _priority: int) -> int:
        callers.append(context.task.comm)
        return 0

    reclaim.run_shrinker = shrink
    reclaim.shrinkers.append(0x1000)
    context.locks.append(HeldLock("cache_lock", spinning=False, address=0x2000))
    reclaim.shrink_node(0, 32, 12, 2, "kswapd")
    reclaim.run_kswapd()
    assert callers == []
    reclaim.shrink_node(0, 32, 12, 2, "direct")
    assert callers == ["sh"]
    context.locks.clear()
    reclaim.run_kswapd()
    reclaim.run_kswapd()
    assert callers == ["sh", "kswapd0"]
    assert context.task.comm == "sh"
