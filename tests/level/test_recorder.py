"""Recording real drivers: steps, limits, globals, early boot."""

from __future__ import annotations

from typing import Any

import pytest

from kmemquest.driver.build import build
from kmemquest.kernel import events as ev
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, MachineSpec
from kmemquest.level import picture as pic
from kmemquest.level import recorder as recorder_module
from kmemquest.level.picture import take_picture
from kmemquest.level.recorder import Recorder
from kmemquest.level.recording import Recording
from kmemquest.level.source import DriverSource
from kmemquest.level.views import ViewSet
from tests.level.machines import fresh

HEAD = """
#include <linux/module.h>
#include <linux/slab.h>
static int counter;
static int __init t_init(void)
{
BODY
}
static void __exit t_exit(void) { counter++; }
module_init(t_init);
module_exit(t_exit);
MODULE_LICENSE("GPL");
"""


def run(source: str, script: list[Any], *, builtin: bool = False, watch=()) -> Recording:
    built = build(source, "t.c", builtin=builtin)
    assert built.module is not None, built.diagnostics
    spec = MachineSpec(ram=64 * MIB)
    machine = Machine(spec) if builtin else fresh(spec)
    before = take_picture(machine)
    recorder = Recorder(machine, "t.c")
    recorder.run(built.module, script, watch)
    return Recording(
        "t",
        (),
        spec,
        DriverSource(source, ()),
        before,
        events=tuple(recorder.events),
        steps=recorder.finished_steps(),
        outcome=recorder.outcome,
        script=tuple(recorder.script),
        notes=tuple(recorder.notes),
        watched=tuple(recorder.watched.items()),
        dropped_steps=recorder.dropped,
        rebases=tuple(recorder.rebases),
        picture_after=take_picture(machine),
    )


def test_globals_are_read_before_the_module_goes() -> None:
    source = HEAD.replace("BODY", "\tcounter = -7;\n\treturn 0;")
    recording = run(source, ["insmod", "rmmod"], watch=("counter", "absent"))
    assert dict(recording.watched)["counter"] == -7


def test_an_endless_loop_is_stopped_and_told() -> None:
    source = HEAD.replace("BODY", "\tfor (;;)\n\t\tcounter++;\n\treturn 0;")
    recording = run(source, ["insmod", "rmmod"])
    assert recording.outcome == "stopped"
    assert recording.dropped_steps > 0
    assert "not recorded" in recording.remarks()[0]
    assert recording.reports[-1].kind == "endless-loop"
    assert len(recording.steps) == recorder_module.MAX_STEPS


def test_deep_recursion_is_a_panic_of_the_machine_not_of_the_game() -> None:
    source = (
        HEAD.replace("static int __init", "static int r(int n);\nstatic int __init")
        .replace(
            "static void __exit",
            "static int r(int n) { char b[64]; b[0] = n; return r(n + 1) + b[0]; }\n"
            "static void __exit",
        )
        .replace("BODY", "\treturn r(0);")
    )
    assert run(source, ["insmod"]).outcome in ("panicked", "stopped")


def test_a_failing_init_ends_as_such_and_later_steps_are_harmless() -> None:
    source = HEAD.replace("BODY", "\treturn -ENOMEM;")
    recording = run(source, ["insmod", {"read": {"file": "cam"}}, "rmmod"])
    assert recording.outcome == "init-failed"
    assert [mark.name for mark in recording.script] == ["insmod", "read", "rmmod"]
    assert recording.script[0].result == -12
    assert recording.script[1].note


def test_steps_know_locals_and_events() -> None:
    source = HEAD.replace(
        "BODY", "\tint size = 96;\n\tvoid *p = kmalloc(size, GFP_KERNEL);\n\tkfree(p);\n\treturn 0;"
    )
    recording = run(source, ["insmod", "rmmod"])
    (allocating,) = [
        step
        for step in recording.steps
        if any(
            isinstance(e, ev.CallMade) and e.function == "kmalloc"
            for e in recording.events_of(step.index)
        )
    ]
    assert ("size", "int", "96") in [(v.name, v.type, v.text) for v in allocating.locals]
    assert allocating.function == "t_init"
    assert recording.next_step(0) == allocating.index
    assert recording.next_step(len(recording.steps) - 1, forward=False) >= allocating.index


EARLY = """
#include <linux/init.h>
#include <linux/memblock.h>
#include <linux/printk.h>
static char *area;
void __init early(void)
{
	area = memblock_alloc(65536, 4096);
}
void later(void)
{
	pr_info("area at %px\\n", area);
}
"""


@pytest.fixture(scope="module")
def early() -> Recording:
    return run(EARLY, [{"initcall": "early"}, "boot", {"call": "later"}], builtin=True)


def test_early_boot_is_recorded_across_the_handover(early: Recording) -> None:
    assert early.outcome == "ran"
    assert early.picture.phase == "memblock"
    assert len(early.rebases) == 1
    assert any(isinstance(e, ev.MemblockChanged) and e.operation == "alloc" for e in early.events)
    assert not any(isinstance(e, ev.BlockListed) for e in early.events[: early.rebases[0][0]]), (
        "the bulk of boot is a picture, not a hundred thousand events"
    )


def test_views_cross_the_handover_in_both_directions(early: Recording) -> None:
    views = ViewSet(early)
    last = len(early.steps) - 1
    before, after = views.at(-1), views.at(last)
    assert before.lists.rows == ()
    assert before.frames.counts()[pic.MEMBLOCK] > 1000
    assert after.frames.counts()[pic.FREE] > 1000
    assert after.lists.zones()
    again = views.at(-1)
    assert again.frames.frames == before.frames.frames
    assert again.memblock.reserved == before.memblock.reserved
