"""Checkers: sleeping in atomic context, KASAN, oops and panic, the ledger, stale bytes."""

import pytest

from kmemquest.kernel.address import PAGE_OFFSET, PAGE_SIZE
from kmemquest.kernel.check.oops import bug, panic, warn_once
from kmemquest.kernel.context import Frame
from kmemquest.kernel.events import Event, Report, SleptInAtomic
from kmemquest.kernel.gfp import GFP_ATOMIC, GFP_KERNEL
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec


def boot(checkers: str = "debug", *options: str) -> tuple[Machine, list[Event]]:
    spec = MachineSpec(ram=128 * MIB, checkers=Checkers.preset(checkers), options=options)
    machine = Machine.boot(spec)
    events: list[Event] = []
    machine.events.subscribe(events.append)
    machine.context.stack.append(Frame("drv_init", "driver.c", 12, "driver"))
    return machine, events


def reports(events: list[Event]) -> list[Report]:
    return [event for event in events if isinstance(event, Report)]


@pytest.mark.parametrize(
    ("enter", "count"),
    [("preempt_depth", "1"), ("softirq_depth", "100"), ("hardirq_depth", "10000")],
)
def test_gfp_kernel_in_atomic_context_is_reported_with_its_count(enter: str, count: str) -> None:
    machine, events = boot()
    setattr(machine.context, enter, 1)
    assert machine.kmalloc.kmalloc(64, GFP_KERNEL) != 0
    (report,) = reports(events)
    assert report.headline.startswith("BUG: sleeping function called from invalid context")
    assert f"preempt_count: {count}, expected: 0" in report.lines
    assert report.site == Frame("drv_init", "driver.c", 12, "driver")


def test_gfp_atomic_is_silent_in_atomic_context() -> None:
    machine, events = boot()
    machine.context.hardirq_depth = 1
    machine.kmalloc.kmalloc(64, GFP_ATOMIC)
    assert reports(events) == []


def test_a_production_kernel_sleeps_in_silence_but_the_simulator_knows() -> None:
    machine, events = boot("production")
    lines = len(machine.log.lines)
    machine.context.preempt_depth = 1
    machine.kmalloc.kmalloc(64, GFP_KERNEL)
    assert len(machine.log.lines) == lines
    assert any(isinstance(event, SleptInAtomic) for event in events)
    assert [report.spoken for report in reports(events)] == [False]


def test_rcu_readers_may_not_sleep_either() -> None:
    machine, events = boot()
    machine.context.rcu_depth = 1
    machine.kmalloc.kmalloc(64, GFP_KERNEL)
    assert "RCU nest depth: 1, expected: 0" in reports(events)[0].lines


def test_a_byte_past_a_kmalloc_is_out_of_bounds() -> None:
    machine, events = boot()
    pointer = machine.kmalloc.kmalloc(60, GFP_KERNEL)
    machine.memory.store(pointer + 59, 1, 7)
    assert reports(events) == []
    machine.memory.store(pointer + 60, 1, 7)
    (report,) = reports(events)
    assert report.kind == "slab-out-of-bounds"
    assert report.headline == "BUG: KASAN: slab-out-of-bounds in drv_init+0xb5/0xc0 [driver]"
    assert f"Write of size 1 at addr {pointer + 60:016x} by task" in report.lines[2]
    assert any("0 bytes to the right of" in line for line in report.lines)
    assert any(line.strip().startswith("allocated 60-byte region") for line in report.lines)


def test_reading_a_freed_object_is_use_after_free_with_both_sites() -> None:
    machine, events = boot()
    pointer = machine.kmalloc.kmalloc(100, GFP_KERNEL)
    machine.context.stack[-1] = Frame("drv_exit", "driver.c", 30, "driver")
    machine.kmalloc.kfree(pointer)
    machine.memory.load(pointer, 8)
    (report,) = reports(events)
    assert report.kind == "slab-use-after-free"
    assert dict(report.related)["allocated"].line == 12
    assert dict(report.related)["freed"].line == 30


def test_production_lets_use_after_free_pass_in_silence() -> None:
    machine, events = boot("production")
    pointer = machine.kmalloc.kmalloc(100, GFP_KERNEL)
    machine.kmalloc.kfree(pointer)
    machine.memory.store(pointer, 8, 0x41)
    assert reports(events) == []
    assert machine.fate is Fate.RUNNING


def test_null_dereference_kills_the_task_and_panics_in_interrupts() -> None:
    machine, events = boot("production")
    assert machine.memory.load(8, 4) == 0
    assert machine.fate is Fate.TASK_KILLED
    assert reports(events)[0].headline == (
        "BUG: kernel NULL pointer dereference, address: 0000000000000008"
    )
    machine.fate = Fate.RUNNING
    machine.context.hardirq_depth = 1
    machine.memory.store(0x10, 4, 1)
    assert machine.fate is Fate.PANICKED
    assert reports(events)[1].severity == "panic"


def test_poisoned_pointers_raise_a_general_protection_fault() -> None:
    machine, events = boot("production")
    machine.memory.load(0x6B6B6B6B6B6B6B6B, 8)
    assert reports(events)[0].kind == "general-protection-fault"


def test_warn_once_speaks_once_and_taints() -> None:
    machine, events = boot("production")
    assert warn_once(machine, "key", "mm/x.c", 1, "fn+0x1/0x2")
    assert not warn_once(machine, "key", "mm/x.c", 1, "fn+0x1/0x2")
    assert len(reports(events)) == 1
    assert "W" in machine.checks.taint


def test_bug_and_panic_decide_the_fate() -> None:
    machine, _events = boot("production")
    bug(machine, "mm/slub.c", 553, "fn+0x1/0x2")
    assert machine.fate is Fate.TASK_KILLED
    panic(machine, "Out of memory")
    assert machine.fate is Fate.PANICKED


def test_stale_bytes_are_counted_until_they_are_written() -> None:
    machine, _events = boot("production", "init_on_alloc=0")
    first = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    machine.memory.store_bytes(first, b"secret!!" * 8)
    machine.kmalloc.kfree(first)
    again = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    assert again == first
    stale, revealed = machine.memory.count_stale(again, 64)
    assert stale == 64
    assert revealed >= 48  # the free pointer lies over eight bytes of the secret
    machine.memory.store_bytes(again, bytes(64))
    assert machine.memory.count_stale(again, 64) == (0, 0)
    zeroed = machine.kmalloc.kzalloc(64, GFP_KERNEL)
    assert machine.memory.count_stale(zeroed, 64) == (0, 0)


def test_accesses_across_page_borders_reach_both_pages() -> None:
    machine, _events = boot("production")
    pfn = machine.pages.alloc_pages(GFP_KERNEL, 1)
    address = PAGE_OFFSET + pfn * PAGE_SIZE + PAGE_SIZE - 4
    machine.memory.store(address, 8, 0x1122334455667788)
    assert machine.memory.load(address, 8) == 0x1122334455667788
    assert machine.memory.load(address + 4, 4) == 0x11223344


def test_the_ledger_remembers_sites_until_release() -> None:
    machine, _events = boot()
    machine.checks.ledger.acquired("kmalloc", 0x1000, 64, "kmalloc")
    assert machine.checks.ledger.live()[0].site == Frame("drv_init", "driver.c", 12, "driver")
    assert machine.checks.ledger.released("kmalloc", 0x1000) is not None
    assert machine.checks.ledger.released("kmalloc", 0x1000) is None
    assert machine.checks.ledger.live() == ()


def test_a_snapshot_goes_on_exactly_as_the_original() -> None:
    machine, _events = boot()
    twin = Machine.restore(machine.snapshot())
    ours = [machine.kmalloc.kmalloc(n, GFP_KERNEL) for n in (8, 100, 5000, 100_000)]
    theirs = [twin.kmalloc.kmalloc(n, GFP_KERNEL) for n in (8, 100, 5000, 100_000)]
    assert ours == theirs
