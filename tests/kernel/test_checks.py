"""Checkers: sleeping in atomic context, KASAN, oops and panic, the ledger, stale bytes."""

import pytest

from kmemquest.kernel.address import PAGE_OFFSET, PAGE_SIZE
from kmemquest.kernel.check.oops import bug, divide_error_oops, panic, warn, warn_once
from kmemquest.kernel.conform.report_patterns import classify
from kmemquest.kernel.context import Frame, HeldLock, Task
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
    (report,) = (one for one in reports(events) if one.kind == "sleep-in-atomic")
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


# --- the form of the reports ------------------------------------------------------------------


def kinds(report: Report) -> list[str]:
    """The kinds of a report's lines; every line that is not empty must have one."""
    found = [(line, classify(line)) for line in report.lines if line]
    assert [line for line, one in found if one is None] == []
    return [one.kind for _, one in found if one is not None]


REGISTERS = ["registers-a", "registers-b", "registers-c", "registers-d", "registers-e"]
SPECIAL = ["segments", "selectors", "control"]


def test_a_warning_block_has_the_kernels_fields_in_order() -> None:
    machine, events = boot("production")
    machine.context.task = Task(pid=80, comm="insmod")
    machine.checks.modules.append("driver")
    warn(machine, "mm/x.c", 7, "some_check", "words of the warning", operands=(0x1234,))
    (report,) = reports(events)
    assert report.lines[1] == "words of the warning"
    assert report.lines[3] == "Modules linked in: driver(O+)"
    body = [line for line in report.lines if line != "words of the warning"]
    order = [one.kind for line in body if (one := classify(line)) and one.kind != "frame"]
    assert order == [
        "cut", "warning", "modules", "cpu", "hardware", "ip", "code", "stack",
        *REGISTERS, *SPECIAL, "call-trace", "stack-tag",
        "ip-user", "code", "stack-user", *REGISTERS, "stack-tag", "end-trace",
    ]  # fmt: skip
    assert any("RDI: 0000000000001234" in line for line in report.lines)
    trace = [line.split("+")[0].strip() for line in body if classify(line).kind == "frame"]  # type: ignore[union-attr]
    assert trace[0] == "drv_init"
    assert trace[1:] == [
        "do_one_initcall", "do_init_module", "init_module_from_file", "__x64_sys_finit_module",
        "do_syscall_64", "entry_SYSCALL_64_after_hwframe",
    ]  # fmt: skip


def test_rmmod_and_interrupts_are_entered_their_own_way() -> None:
    machine, events = boot("production")
    machine.context.task = Task(pid=81, comm="rmmod")
    machine.checks.modules.append("driver")
    warn(machine, "mm/x.c", 7, "some_check")
    assert any("__x64_sys_delete_module+" in line for line in reports(events)[0].lines)
    assert "Modules linked in: driver(O-)" in reports(events)[0].lines
    machine.context.task = Task(pid=0, comm="swapper/0")
    machine.context.hardirq_depth = 1
    warn(machine, "mm/x.c", 8, "some_check")
    lines = reports(events)[1].lines
    tags = [line for line in lines if line.startswith(" <")]
    assert tags == [" <IRQ>", " </IRQ>", " <TASK>", " </TASK>"]
    assert any("asm_common_interrupt+" in line for line in lines)
    kinds(reports(events)[1])


def test_the_drivers_own_warning_names_its_statement_once() -> None:
    machine, events = boot("production")
    warn(machine, "driver.c", 12, "drv_init")
    lines = reports(events)[0].lines
    named = [line for line in lines if "drv_init+0xb5/0xc0 [driver]" in line]
    assert [line.split(" ")[0] for line in named] == ["WARNING:", "RIP:"]


def test_an_oops_ends_with_its_summary_and_its_note() -> None:
    machine, events = boot("production")
    machine.context.preempt_depth = 1
    machine.memory.load(0xFFFF_EB02_0000_1B48, 8)
    (report,) = reports(events)
    order = [kind for kind in kinds(report) if kind != "frame"]
    assert order[:5] == ["page-fault", "access", "error-code", "walk-0", "oops"]
    end = order.index("end-trace")
    assert order[end - 2 : end] == ["modules", "fault-address"]
    assert order[end + 1 :] == [
        "ip-module", "code", "stack", *REGISTERS, *SPECIAL, "exited", "exited",
    ]  # fmt: skip
    assert report.lines[-2].endswith("exited with irqs disabled")
    assert report.lines[-1].endswith("exited with preempt_count 1")


def test_a_null_dereference_under_kasan_faults_in_the_check() -> None:
    machine, events = boot("debug")
    machine.memory.load(8, 4)
    (report,) = reports(events)
    assert report.kind == "null-dereference"
    assert report.address == 8
    assert report.headline == (
        "Oops: general protection fault, probably for non-canonical address "
        "0xdffffc0000000001: 0000 [#1] PREEMPT SMP KASAN NOPTI"
    )
    assert report.lines[1] == (
        "KASAN: null-ptr-deref in range [0x0000000000000008-0x000000000000000f]"
    )
    assert not any(line.startswith("note:") for line in report.lines)


def test_traps_other_than_faults_leave_no_note() -> None:
    machine, events = boot("production")
    divide_error_oops(machine, "reciprocal_value", ("calculate_sizes",))
    (report,) = reports(events)
    assert "exited" not in kinds(report)
    assert any("calculate_sizes+" in line for line in report.lines)


def test_every_line_of_a_kasan_report_is_the_kernels() -> None:
    machine, events = boot()
    pointer = machine.kmalloc.kmalloc(100, GFP_KERNEL)
    machine.kmalloc.kfree(pointer)
    machine.memory.load(pointer + 8, 8)
    (report,) = reports(events)
    order = [kind for kind in kinds(report) if kind not in ("frame", "kasan-row")]
    assert order[:3] == ["kasan-rule", "kasan", "kasan-access"]
    assert [kind for kind in order if kind.startswith(("kasan", "page"))][3:] == [
        "kasan-stack", "kasan-stack", "kasan-object", "kasan-cache", "kasan-located",
        "kasan-region", "kasan-page", "page", "page-flags", "page-type", "page-raw", "page-raw",
        "page-reason", "kasan-state", "kasan-bad-row", "kasan-caret", "kasan-rule",
    ]  # fmt: skip
    assert report.lines[-1] == "Disabling lock debugging due to kernel taint"
    row = next(line for line in report.lines if line.startswith(">"))
    start = int(row[1:17], 16)
    first = row[19 + 3 * ((pointer - start) // 8) :][:5]
    assert first == "fa fb"


def test_a_vmalloc_area_is_told_by_its_allocation() -> None:
    machine, events = boot()
    address = machine.vmalloc.vmalloc(100)
    machine.memory.store(address + 100, 1, 1)
    (report,) = reports(events)
    kinds(report)
    assert (
        f"The buggy address belongs to a 1-page vmalloc region starting at 0x{address:016x} "
        "allocated at drv_init+0xb5/0xc0 [driver]" in report.lines
    )


def test_held_locks_and_interrupt_events_are_listed() -> None:
    machine, events = boot()
    machine.context.locks.append(HeldLock("dev->lock", spinning=True, address=0xFFFFFFFFC0001000))
    machine.context.preempt_depth = 1
    machine.context.irqs_disabled_depth = 1
    machine.kmalloc.kmalloc(64, GFP_KERNEL)
    (report,) = reports(events)
    order = kinds(report)
    start = order.index("sleeping-rcu") + 1
    assert order[start : start + 7] == ["locks", "lock", "irq-stamp", *["irq-event"] * 4]
