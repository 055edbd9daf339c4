"""Predicates over recordings: what meets them, what does not, and their words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kmemquest import i18n
from kmemquest.content.safe_yaml import parse_yaml
from kmemquest.kernel import events as ev
from kmemquest.kernel.address import pfn_to_page
from kmemquest.kernel.context import Frame
from kmemquest.kernel.gfp import GFP_ATOMIC, GFP_KERNEL
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, MachineSpec
from kmemquest.level.evidence import Evidence
from kmemquest.level.predicate import Outcome, load_predicates, parse_predicate
from kmemquest.level.recording import Recording, ScriptMark
from tests.level.machines import record, recording_of

SITE = Frame("nic_irq", "t.c", 12)


def call(machine: Machine, function: str, *arguments: int) -> int:
    """Call an allocator as the driver room does: with the events around it."""
    machine.events.emit(ev.CallMade(function, arguments, SITE))
    before = machine.clock.now
    actions = {
        "kmalloc": lambda: machine.kmalloc.kmalloc(*arguments),
        "vmalloc": lambda: machine.vmalloc.vmalloc(*arguments),
        "kmem_cache_alloc": lambda: machine.slub.alloc(
            machine.slub.by_address[arguments[0]], arguments[1]
        ),
        "__get_free_pages": lambda: (
            (0xFFFF_8880 << 32) + (machine.pages.alloc_pages(*arguments) << 12)
        ),
    }
    result = actions[function]()
    machine.events.emit(ev.CallReturned(function, result, machine.clock.now - before, SITE))
    return result


def judge(recording: Recording, text: str) -> Outcome:
    document = parse_yaml(f"goal: {text}", "t.yaml")
    parsed = parse_predicate(document.data["goal"], document, ("goal",))
    assert parsed.value is not None, parsed.problems
    assert parsed.value.text()
    return parsed.value.judge(Evidence(recording))


def met(recording: Recording, text: str) -> bool:
    return judge(recording, text).met


def made_of(*events: ev.Event, **changes: object) -> Recording:
    recording = record(lambda machine: [machine.events.emit(event) for event in events])
    return replace(recording, **changes)


def test_allocations_succeed_or_the_first_failure_is_told() -> None:
    good = record(lambda m: [call(m, "kmalloc", 2048, GFP_ATOMIC) for _ in range(3)])
    assert met(good, "all-allocations-succeed")
    assert met(good, "{all-allocations-succeed: 3}")
    short = judge(good, "{all-allocations-succeed: 4}")
    assert not short.met
    assert short.why == "Only 3 allocations were made, 4 were needed."
    bad = record(lambda m: call(m, "kmalloc", 1 << 23, GFP_KERNEL))
    outcome = judge(bad, "all-allocations-succeed")
    assert not outcome.met
    assert isinstance(bad.events[outcome.event], ev.CallMade)
    assert met(bad, "{all-allocations-succeed: {by: [vmalloc], at_least: 1}}") is False


def test_blocks_of_the_contiguous_area_are_allocations_of_whole_pages() -> None:
    taken = (
        ev.CallMade("cma_alloc", (0x1000, 300, 8, 0), SITE),
        ev.CallReturned("cma_alloc", pfn_to_page(0x400), 900, SITE),
    )
    recording = made_of(*taken)
    (block,) = Evidence(recording).allocations
    assert (block.kind, block.requested, block.consumed) == ("cma", 300 * 4096, 300 * 4096)
    assert block.contiguous
    assert block.physical == 0x40_0000
    assert Evidence(recording).waste(needed=150 * 4096) == 0.5


def test_a_call_that_never_returned_counts_as_failed() -> None:
    recording = made_of(ev.CallMade("vmalloc", (100,), SITE))
    assert not met(recording, "all-allocations-succeed")


def test_contiguity_and_windows_are_read_from_frames() -> None:
    scattered = record(lambda m: call(m, "vmalloc", 300_000))
    assert not met(scattered, "physically-contiguous")
    assert met(scattered, "{address-in-window: vmalloc}")
    block = record(lambda m: call(m, "kmalloc", 100_000, GFP_KERNEL))
    assert met(block, "physically-contiguous")
    assert met(block, "{address-in-window: direct-map}")
    assert met(block, "{aligned-to: 4096}")
    assert not met(block, "{physically-contiguous: {by: [vmalloc]}}"), "nothing of that kind"


def test_reach_depends_on_where_the_frames_lie() -> None:
    small = record(lambda m: call(m, "kmalloc", 100, GFP_KERNEL))
    assert met(small, "{dma-reachable: 32}")
    assert not met(small, "{dma-reachable: 16}")


def test_waste_counts_the_share_of_the_slab_and_what_was_needed() -> None:
    half = record(lambda m: call(m, "__get_free_pages", GFP_ATOMIC, 0))
    assert met(half, "{waste-below: 0.05}"), "a page was asked for and a page was got"
    assert not met(half, "{waste-below: {fraction: 0.5, needed: 2048}}")
    assert judge(half, "{waste-below: {fraction: 0.6, needed: 2048}}").why.startswith("50 %")
    tight = record(lambda m: call(m, "kmalloc", 2048, GFP_ATOMIC))
    assert met(tight, "{waste-below: 0.01}")
    loose = record(lambda m: call(m, "kmalloc", 1025, GFP_ATOMIC))
    assert not met(loose, "{waste-below: 0.4}")


def test_a_cache_is_recognised_even_when_it_was_merged() -> None:
    def act(machine: Machine) -> None:
        cache = machine.slub.create("nic_buffers", 2048)
        assert cache is not None
        call(machine, "kmem_cache_alloc", cache.address, GFP_KERNEL)

    recording = record(act)
    assert met(recording, "{cache-used: nic_buffers}")
    assert not met(recording, "{cache-used: other}")


def test_latency_pages_and_orders() -> None:
    recording = record(lambda m: call(m, "kmalloc", 100_000, GFP_KERNEL))
    assert met(recording, "{latency-below: 100000000}")
    assert not met(recording, "{latency-below: 1}")
    assert met(recording, "{pages-used-below: 33}")
    assert not met(recording, "{pages-used-below: 32}")
    assert met(recording, "{order-available-after: 8}")
    assert not met(recording, "{order-available-after: {order: 0, blocks: 1000000}}")


def test_reports_and_sleeping() -> None:
    report = ev.Report("slab-out-of-bounds", "BUG report", "BUG: KASAN: slab-out-of-bounds in f")
    recording = made_of(report)
    assert not met(recording, "no-report")
    assert met(recording, "{no-report: [leak]}")
    outcome = judge(recording, "{never: out-of-bounds}")
    assert (outcome.met, outcome.kind, outcome.why) == (
        False,
        "slab-out-of-bounds",
        "BUG: KASAN: slab-out-of-bounds in f",
    )
    silent = made_of(ev.SleptInAtomic("kmalloc", "hardirq", SITE))
    outcome = judge(silent, "{never: sleep-in-atomic}")
    assert (outcome.met, outcome.event) == (False, 0)
    assert "hard interrupt" in outcome.why


def test_the_sentence_about_sleeping_names_what_forbids_it() -> None:
    kinds = {
        ev.SleptInAtomic(
            "kmalloc", "process", SITE, ("lock",), irqs_off=True
        ): "spinlock lock held",
        ev.SleptInAtomic("kmalloc", "softirq", SITE, ("a", "b")): "spinlocks a, b held",
        ev.SleptInAtomic("kmalloc", "process", SITE, irqs_off=True): "interrupts off",
        ev.SleptInAtomic("kmalloc", "process", SITE, rcu=True): "RCU reader",
        ev.SleptInAtomic("kmalloc", "process", SITE): "preemption off",
        ev.SleptInAtomic("kmalloc", "softirq", SITE): "softirq context",
        ev.SleptInAtomic("kmalloc", "hardirq", SITE, ("lock",)): "hard interrupt context",
    }
    for event, words in kinds.items():
        outcome = judge(made_of(event), "{never: sleep-in-atomic}")
        assert words in outcome.why
        assert "process context" not in outcome.why


def test_leaks_need_an_unloaded_driver() -> None:
    quiet = made_of()
    assert not met(quiet, "no-leak"), "the driver was never unloaded"
    unloaded = replace(quiet, script=(ScriptMark("rmmod", 0, 0, 0),))
    assert met(unloaded, "no-leak")
    leaking = made_of(
        ev.Report("leak", "silent", "", spoken=False), script=(ScriptMark("rmmod", 0, 1, 0),)
    )
    assert not met(leaking, "no-leak")


def test_the_end_of_the_run() -> None:
    quiet = made_of()
    assert met(quiet, "runs-to-the-end")
    assert met(replace(quiet, outcome="init-failed"), "{runs-to-the-end: {init_may_fail: true}}")
    for outcome in ("init-failed", "does-not-compile", "task-killed", "panicked", "stopped"):
        assert not met(replace(quiet, outcome=outcome), "runs-to-the-end")


def test_script_results_globals_and_the_log() -> None:
    recording = made_of(
        ev.LogLine(1, 6, "nic: ready"),
        script=(ScriptMark("insmod", 0, 1, 0), ScriptMark("read", 1, 1, -12)),
        watched=(("filled", 64),),
    )
    assert met(recording, "returns")
    assert not met(recording, "{returns: {step: read}}")
    assert met(recording, "{returns: {step: read, value: -12}}")
    assert not met(recording, "{returns: {step: write}}")
    assert met(recording, "{global-equals: {name: filled, value: 64}}")
    assert not met(recording, "{global-equals: {name: empty, value: 64}}")
    assert met(recording, "{log-contains: 'nic: ready'}")
    assert not met(recording, "{log-contains: {line: 'nic: ready', times: 2}}")
    assert not met(recording, "{log-lacks: ready}")
    assert met(recording, "{log-lacks: gone}")


def test_users_and_devices() -> None:
    clean = made_of(ev.CopiedToUser(1, 2, 64, 0, 0, SITE))
    dirty = made_of(ev.CopiedToUser(1, 2, 64, 16, 3, SITE))
    assert met(clean, "zeroed-before-user")
    assert not met(dirty, "zeroed-before-user")
    assert not met(made_of(), "zeroed-before-user"), "nothing was copied at all"
    arrived = made_of(ev.DeviceTouched("nic", 0x1000, 64, True, True))
    lost = made_of(ev.DeviceTouched("nic", 0x1000, 64, True, False))
    assert met(arrived, "device-data-arrives")
    assert not met(lost, "device-data-arrives")
    bounced = made_of(ev.DmaMapped("nic", 0x1000, 0x2000, 64, 1, True, SITE))
    assert not met(bounced, "no-bounce-buffer")
    assert met(arrived, "no-bounce-buffer")


def test_calls_can_be_wanted_and_forbidden() -> None:
    recording = record(lambda m: call(m, "kmalloc", 8, GFP_KERNEL))
    assert met(recording, "{calls: {functions: [kmalloc]}}")
    assert not met(recording, "{calls: {functions: [vmalloc]}}")
    assert not met(recording, "{calls: {functions: [kmalloc], at_least: 0, at_most: 0}}")
    assert met(recording, "{called-in: {functions: [kmalloc], context: process}}")
    assert not met(recording, "{called-in: {functions: [kmalloc], context: hardirq}}")


def test_early_boot_memory_must_stay_out_of_the_buddy_system() -> None:
    def boot(*, keep: bool) -> Recording:
        machine = Machine(MachineSpec(ram=64 * MIB))
        from kmemquest.level.picture import take_picture

        before = take_picture(machine)
        events: list[ev.Event] = []
        stop = machine.events.subscribe(events.append)
        machine.events.emit(ev.CallMade("memblock_alloc", (65536, 4096), SITE))
        address = machine.memblock.alloc(65536, 4096)
        machine.events.emit(ev.CallReturned("memblock_alloc", address, 10, SITE))
        if not keep:
            machine.memblock.free(address, 65536)
        stop()
        machine.handover()
        return recording_of(events, machine, before)

    assert met(boot(keep=True), "{reserved-before-handover: 65536}")
    assert not met(boot(keep=True), "{reserved-before-handover: 65537}")
    assert not met(boot(keep=False), "{reserved-before-handover: 65536}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "expected one predicate, found none"),
        ("{no-leak: {}, returns: {}}", "expected one predicate, found no-leak, returns"),
        ("no-leek", "unknown predicate 'no-leek'"),
        ("{waste-below: {fracton: 0.5}}", "unknown key 'fracton'"),
        ("waste-below", "the key 'fraction' is missing"),
        ("{waste-below: much}", "expected a number, found 'much'"),
        ("{returns: 3}", "expected a mapping, found 3"),
    ],
)
def test_mistakes_in_predicates_are_told(text: str, message: str) -> None:
    document = parse_yaml(f"goal: {text}", "t.yaml")
    parsed = parse_predicate(document.data["goal"], document, ("goal",))
    assert parsed.value is None
    assert any(message in str(problem) for problem in parsed.problems)


def test_every_predicate_speaks_both_languages() -> None:
    required = {
        "never": {"what": "leak"},
        "log-contains": {"line": "x"},
        "log-lacks": {"line": "x"},
        "calls": {"functions": ["kmalloc"]},
        "global-equals": {"name": "n", "value": 1},
        "called-in": {"functions": ["kmalloc"], "context": "process"},
        "waste-below": {"fraction": 0.5},
        "latency-below": {"ns": 1000},
        "order-available-after": {"order": 9},
        "pages-used-below": {"pages": 3},
        "reserved-before-handover": {"bytes": 4096},
    }
    for word, kind in load_predicates().items():
        goal = kind(**required.get(word, {}))
        english = goal.text()
        i18n.set_language("zh_CN")
        try:
            assert goal.text() != english, word
        finally:
            i18n.set_language("en")


def test_a_wait_without_end_is_no_oops() -> None:
    report = ev.Report("deadlock", "silent", "", site=SITE, spoken=False, detail="m")
    hung = made_of(report, outcome="hangs")
    found = judge(hung, "runs-to-the-end")
    assert (found.met, found.kind) == (False, "deadlock")
    assert found.why == "It waits for ever: what it waits for never comes."
    oops = replace(report, kind="null-dereference", severity="oops", spoken=True)
    killed = made_of(oops, outcome="task-killed")
    assert judge(killed, "runs-to-the-end").why == "The running task was killed by an oops."
