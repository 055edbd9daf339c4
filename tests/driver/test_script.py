"""Scripts: what is accepted, what is told about the rest, and what the steps do."""

from __future__ import annotations

import re

import pytest

from kmemquest.driver.run import run_driver
from kmemquest.driver.script import WORDS, ScriptError, parse_script, parse_step
from kmemquest.kernel.spec import MIB, MachineSpec
from tests.driver.kernel_module import HEAD, machine, run_file, texts

NIC = {"probe": {"pci": {"name": "0000:00:04.0", "vendor": 0x1B36, "device": 0x10, "irq": 11}}}


def test_short_and_long_forms_mean_the_same() -> None:
    assert parse_step({"irq": 17}) == parse_step({"irq": {"line": 17, "times": 1}})
    assert parse_step({"open": "cam"}) == parse_step({"open": {"device": "cam", "as": "cam"}})
    assert parse_step({"advance": 10}).values["time"] == 10_000_000
    assert parse_step({"advance": "2s"}).values["time"] == 2_000_000_000
    assert parse_step({"write": {"file": "f", "hex": "01 ff"}}).values["data"] == b"\x01\xff"
    assert parse_step({"read": {"file": "f", "size": "4K"}}).values["size"] == 4096


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("insmod", "a script is a list of steps"),
        ([{"insmode": None}], "did you mean 'insmod'"),
        ([["insmod"]], "a step is a word or a mapping with one word"),
        ([{"irq": {"lin": 3}}], "irq needs 'line'"),
        ([{"irq": {"line": 3, "tmes": 2}}], "did you mean 'times'"),
        ([{"irq": {"line": 300}}], "line must be a number from 0 to 255"),
        ([{"irq": {"line": True}}], "line must be a number"),
        ([{"read": {"file": "f", "size": "64Q"}}], "64Q"),
        ([{"write": {"file": "f"}}], "exactly one of text, hex and size"),
        ([{"write": {"file": "f", "hex": "0"}}], "pairs of hex digits"),
        ([{"advance": "soon"}], "a time such as 10ms"),
        ([{"probe": {"usb": {}}}], "probe needs pci or platform"),
        ([{"probe": {"pci": {"vendor": 1}}}], "needs 'device'"),
        ([{"pressure": {"hog": "1M", "page_cache": "1M"}}], "pressure needs one of"),
        ([{"rmmod": {"now": 1}}], "rmmod takes no parameters"),
        ([{"device": {"erase": {}}}], "device needs write or read"),
        (["insmod", {"close": None}], "step 2: close needs parameters"),
        (["sync"] * 501, "at most 500 steps"),
    ],
)
def test_what_is_wrong_is_told(script: object, words: str) -> None:
    with pytest.raises(ScriptError, match=words.replace("(", r"\(")):
        parse_script(script)


def test_every_word_has_an_act() -> None:
    from kmemquest.driver.session import _ACTS

    assert set(WORDS) == set(_ACTS)


def test_character_device_between_two_programs() -> None:
    result = run_file(
        "char_device.c",
        [
            "insmod",
            {"open": {"device": "note", "as": "writer", "by": "vi"}},
            {"write": {"file": "writer", "text": "remember"}},
            {"ioctl": {"file": "writer", "cmd": 0x80046E02, "size": 4}},
            {"close": "writer"},
            {"open": {"device": "note", "access": "read"}},
            {"read": {"file": "note", "size": 4}},
            {"read": {"file": "note", "size": 64}},
            {"write": {"file": "note", "text": "x"}},
            {"ioctl": {"file": "note", "cmd": 99}},
            "rmmod",
            {"close": "note"},
            "rmmod",
            {"open": "note"},
        ],
        "debug",
    )
    assert [(r.step.word, r.result, r.data) for r in result.results] == [
        ("insmod", 0, b""),
        ("open", 0, b""),
        ("write", 8, b""),
        ("ioctl", 0, b"\x08\0\0\0"),
        ("close", 0, b""),
        ("open", 0, b""),
        ("read", 4, b"reme"),
        ("read", 4, b"mber"),
        ("write", -9, b""),
        ("ioctl", -25, b""),
        ("rmmod", None, b""),
        ("close", 0, b""),
        ("rmmod", 0, b""),
        ("open", -2, b""),
    ]
    assert result.results[10].note == "rmmod: the module is in use"
    assert result.exit_code == 0


def test_network_card_from_probe_to_remove() -> None:
    script = [
        "insmod",
        NIC,
        {"device": {"write": {"handle": "nic->ring[0].address", "value": 0xCAFE}}},
        {"irq": 11},
        {"advance": "350ms"},
        "rmmod",
    ]
    result = run_file("nic_ring.c", script, "debug")
    assert texts(result)[1:] == [
        "ringnic 0000:00:04.0: frame 1 begins with 0xcafe",
        "ringnic 0000:00:04.0: 1 frames, 3 ticks",
    ]
    assert (result.outcome, result.reports) == ("ran", ())
    again = run_file("nic_ring.c", script, "debug")
    assert again.log == result.log


def test_device_plugged_in_before_the_driver() -> None:
    result = run_file("nic_ring.c", [NIC, "insmod", "rmmod"])
    assert result.results[0].note == "no driver took 0000:00:04.0"
    assert texts(result)[-1] == "ringnic 0000:00:04.0: 0 frames, 0 ticks"


def test_no_handler_no_interrupt() -> None:
    result = run_file("nic_ring.c", ["insmod", {"irq": 11}, "rmmod"])
    assert result.results[1].note == "no handler is installed on line 11"


def test_work_item_runs_in_process_context_and_a_leak_is_found() -> None:
    sensor = {"probe": {"platform": {"name": "slow-sensor", "irq": 5}}}
    script = ["insmod", sensor, {"irq": {"line": 5}}, {"irq": 5}, "rmmod"]
    clean = run_file("sensor_work.c", script, "debug")
    assert (clean.exit_code, texts(clean)[-1]) == (0, "slow-sensor slow-sensor: 2 samples")
    script[0] = {"insmod": {"keep": 1}}
    leaky = run_file("sensor_work.c", script, "production")
    assert [(r.kind, r.severity, r.spoken) for r in leaky.reports] == [("leak", "silent", False)]
    site = leaky.reports[0].site
    assert site is not None
    assert site.function == "sensor_work"
    spoken = run_file("sensor_work.c", script, "debug")
    assert spoken.reports[0].headline.startswith("unreferenced object 0xffff8880")
    assert spoken.reports[0].lines[1].startswith('  comm "kworker/0:1", pid 47')


def test_built_in_code_before_and_after_the_handover() -> None:
    from kmemquest.driver.run import run_driver
    from tests.driver.kernel_module import DRIVERS

    source = (DRIVERS / "early_log.c").read_text()
    spec = MachineSpec(ram=64 * MIB)
    script = [{"initcall": "early_log_setup"}, "boot", {"call": "early_log_show"}]
    result = run_driver(source, "early_log.c", spec, script)
    lines = [line for line in texts(result) if line.startswith("early log")]
    assert lines == [
        "early log at (____ptrval____)",
        "early log: first light",
        "early log: first light",
    ]
    assert result.exit_code == 0


def test_init_memory_is_freed_after_the_initcalls() -> None:
    from kmemquest.driver.run import run_driver
    from tests.driver.kernel_module import HEAD

    source = HEAD + (
        "static int __init late(void)\n{\n"
        'pr_info("initcall: %lu free\\n", totalram_pages());\nreturn 0;\n}\n'
        "device_initcall(late);\n"
        "int after(void);\nint after(void) {\n"
        'pr_info("free: %lu\\n", totalram_pages());\nreturn 0;\n}\n'
    )
    result = run_driver(source, "late.c", MachineSpec(ram=64 * MIB), ["boot", {"call": "after"}])
    log = [line for line in result.log if "free" in line.text.lower()]
    names = [line.text.split(":")[0] for line in log]
    first = names.index("initcall")
    assert names[first + 1 : first + 4] == [
        "Freeing unused decrypted memory",
        "Freeing unused kernel image (initmem) memory",
        "Freeing unused kernel image (rodata/data gap) memory",
    ]
    assert [line.time for line in result.log] == sorted(line.time for line in result.log)
    before, now = (int(re.findall(r"\d+", log[at].text)[0]) for at in (first, -1))
    freed = sum(int(line.text.split()[-1][:-1]) for line in log[first + 1 : first + 4])
    assert now - before == freed // 4


def test_memory_pressure_and_release() -> None:
    script = [
        {"pressure": {"page_cache": "8M"}},
        {"pressure": {"hog": "4M"}},
        {"pressure": {"release": True}},
        {"pressure": {"drop_caches": True}},
    ]
    results = run_file("char_device.c", script).results
    assert [r.result for r in results[:3]] == [2048, 1024, 1024]
    assert (results[3].result or 0) >= 2048


def test_steps_that_make_no_sense_here() -> None:
    for step, words in (
        ({"read": "nothing"}, "no open file"),
        ({"call": "nothing"}, "no function"),
        ("boot", "has booted already"),
        ({"unplug": "eth0"}, "no device"),
    ):
        with pytest.raises(ScriptError, match=words):
            run_file("char_device.c", ["insmod", step])


def test_a_lock_that_is_never_released() -> None:
    from kmemquest.driver.run import run_driver
    from tests.driver.kernel_module import machine

    source = HEAD + (
        "static DEFINE_SPINLOCK(lock);\n"
        "static int __init start(void) { spin_lock(&lock); return 0; }\nmodule_init(start);\n"
    )
    result = run_driver(source, "held.c", script=["insmod"], machine=machine())
    kinds = [(r.kind, r.severity, r.detail) for r in result.reports]
    assert kinds == [
        ("lock-not-released", "WARN", "do_one_initcall"),
        ("lock-not-released", "silent", "still held: lock"),
    ]
    assert result.reports[0].headline.endswith("[held] returned with preemption imbalance ")


def test_a_system_call_that_returns_with_a_lock_held() -> None:
    from kmemquest.driver.run import run_driver
    from tests.driver.kernel_module import machine

    source = HEAD + (
        "static DEFINE_SPINLOCK(lock);\nint hold(void);\n"
        "int hold(void) { spin_lock(&lock); return 0; }\n"
        "static int __init start(void) { return 0; }\nmodule_init(start);\n"
    )
    result = run_driver(source, "held.c", script=["insmod", {"call": "hold"}], machine=machine())
    assert [(r.kind, r.detail) for r in result.reports] == [
        ("lock-not-released", "still held: lock")
    ]
    assert result.reports[0].headline == "BUG: scheduling while atomic: sh/141/0x00000002"


BETWEEN = """
#include <linux/module.h>
#include <linux/interrupt.h>
#include <linux/workqueue.h>
static int worked, refused;
static void work_fn(struct work_struct *w) { worked++; }
static DECLARE_WORK(work, work_fn);
int ask(void);
int ask(void)
{
	WARN_ON_ONCE(worked >= 0);
	refused += !schedule_work(&work);
	return worked;
}
static irqreturn_t handler(int irq, void *data)
{
	refused += !schedule_work(&work);
	return IRQ_HANDLED;
}
static int __init start(void) { return request_irq(9, handler, 0, "probe", &work); }
static void __exit stop(void) { free_irq(9, &work); cancel_work_sync(&work); }
module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
"""


def test_work_queued_by_one_call_runs_before_the_next_call() -> None:
    result = run_driver(
        BETWEEN, "probe.c", script=["insmod", {"call": {"function": "ask", "times": 4}}, "rmmod"],
        machine=machine(),
    )  # fmt: skip
    assert result.results[1].result == 3, "each return to user space lets the worker run"
    warnings = [report for report in result.reports if report.severity == "WARN"]
    assert len(warnings) == 1, "WARN_ON_ONCE prints once, however often it is met"


@pytest.mark.parametrize(("every", "worked"), [("10ms", 3), (0, 1)])
def test_work_runs_between_interrupts_that_leave_time_for_it(every: object, worked: int) -> None:
    irq = {"line": 9, "times": 3, "every": every}
    script = ["insmod", {"irq": irq}, {"call": "ask"}, "rmmod"]
    result = run_driver(BETWEEN, "probe.c", script=script, machine=machine())
    assert result.results[2].result == worked


def test_a_missing_parameter_is_told_beside_the_one_that_stands_there() -> None:
    with pytest.raises(ScriptError, match=r"irq needs 'line', found 'lien'"):
        parse_script([{"irq": {"lien": 11}}])
