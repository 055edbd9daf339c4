"""From source to log: a faulty module, failing inits, oopses, endless loops."""

from __future__ import annotations

import json
import re

from kmemquest.driver.run import run_driver
from kmemquest.kernel.spec import MIB, MachineSpec
from tests.driver.kernel_module import HEAD, machine, run_file, texts


def test_faulty_camera_module_does_not_build() -> None:
    result = run_file("camera_buffer.c")
    assert (result.outcome, result.exit_code) == ("does-not-compile", 2)
    errors = [(d.line, d.message) for d in result.diagnostics if d.severity == "error"]
    assert [line for line, _ in errors[:2]] == [7, 18]
    assert re.fullmatch(".BLOCK_SIZE. redefined", errors[0][1])
    assert errors[1][1] == (
        "format ‘%lu’ expects argument of type ‘long unsigned int’, but argument 2 has type ‘int’"
    )
    assert "missing MODULE_LICENSE()" in errors[2][1]
    assert len(errors) == 3


def test_faulty_camera_module_runs_all_the_same() -> None:
    result = run_file("camera_buffer.c", keep_going=True)
    lines = texts(result)
    loaded = re.fullmatch(
        r"camera: frame buffer of 614400 bytes at (00000000[0-9a-f]{8})", lines[-2]
    )
    gone = re.fullmatch(r"camera: gave the frame buffer at (00000000[0-9a-f]{8}) back", lines[-1])
    assert loaded
    assert gone
    assert loaded.group(1) == gone.group(1)
    assert lines[:3] == [
        "camera_buffer: loading out-of-tree module taints kernel.",
        "camera_buffer: module license 'unspecified' taints kernel.",
        "Disabling lock debugging due to kernel taint",
    ]
    assert (result.outcome, result.reports) == ("ran", ())
    assert len(result.diagnostics) >= 3


def run(body: str, checkers: str = "production") -> tuple[str, list[str], list[str]]:
    result = run_driver(HEAD + body, "body.c", machine=machine(checkers))
    assert result.outcome != "does-not-compile", "\n".join(map(str, result.diagnostics))
    json.dumps(result.as_json())
    return result.outcome, [report.kind for report in result.reports], texts(result)


def test_init_that_fails_leaks_what_it_had() -> None:
    body = (
        "static int __init f(void) { return kmalloc(100, GFP_KERNEL) ? -EIO : 0; }\nmodule_init(f);"
    )
    outcome, kinds, _ = run(body)
    assert (outcome, kinds) == ("init-failed", ["leak"])


def test_null_dereference_kills_insmod_only() -> None:
    body = "static int __init f(void) { int *p = NULL; *p = 1; return 0; }\nmodule_init(f);"
    outcome, kinds, lines = run(body)
    assert (outcome, kinds) == ("task-killed", ["null-dereference"])
    assert "BUG: kernel NULL pointer dereference, address: 0000000000000000" in lines


def test_endless_loop_is_stopped() -> None:
    body = "static int __init f(void) { for (;;) cpu_relax(); return 0; }\nmodule_init(f);"
    outcome, kinds, _ = run("#define cpu_relax() do { } while (0)\n" + body)
    assert (outcome, kinds) == ("stopped", ["endless-loop"])


def test_timer_that_outlives_its_module() -> None:
    body = (
        "static struct timer_list t;\nstatic void tick(struct timer_list *x) { }\n"
        "static int __init f(void) { timer_setup(&t, tick, 0); mod_timer(&t, jiffies + 10);"
        " return 0; }\nstatic void __exit g(void) { }\nmodule_init(f);\nmodule_exit(g);"
    )
    script = ["insmod", "rmmod", {"advance": "100ms"}]
    result = run_driver(HEAD + body, "late.c", script=script, machine=machine())
    assert [report.kind for report in result.reports][:2] == ["timer-not-stopped", "page-fault"]


def test_positive_return_of_init_is_suspicious() -> None:
    body = "static int __init f(void) { return 3; }\nmodule_init(f);"
    outcome, _, lines = run(body)
    text = "do_init_module: 'body'->init suspiciously returned 3, it should follow 0/-E convention"
    assert outcome == "ran"
    assert text in lines


def test_equal_runs_are_equal() -> None:
    first, second = run_file("sensor_work.c"), run_file("sensor_work.c")
    assert first.log == second.log
    assert first.events == second.events


def test_kmalloc_before_there_is_a_slab_allocator() -> None:
    source = HEAD + (
        "static int __init early(void) { return !kmalloc(64, GFP_KERNEL); }\n"
        "early_initcall(early);\n"
    )
    spec = MachineSpec(ram=64 * MIB)
    result = run_driver(source, "early.c", spec, [{"initcall": "early"}, "boot"])
    assert result.outcome == "panicked"
    assert [report.kind for report in result.reports] == ["null-dereference"]
    assert result.reports[0].severity == "panic"
    assert result.results[1].note == "not run: the machine is dead"
