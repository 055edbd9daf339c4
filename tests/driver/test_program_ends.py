"""System calls that never come back: what the program leaves behind, and what its log says."""

from __future__ import annotations

from typing import Any

import pytest

from kmemquest.driver.run import RunResult, run_driver
from tests.driver.kernel_module import HEAD, machine, texts

SOURCE = (
    HEAD
    + """
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/mm.h>

static DEFINE_MUTEX(m);
static int *nothing;
static int die_in;

static int d_first(struct inode *inode, struct file *file)
{
    if (die_in == 1)
        *nothing = 1;
    return 0;
}
static int d_last(struct inode *inode, struct file *file)
{
    pr_info("released\\n");
    if (die_in == 2)
        *nothing = 1;
    return 0;
}
static ssize_t d_fetch(struct file *file, char __user *to, size_t size, loff_t *pos)
{
    *nothing = 1;
    return 0;
}
static long d_command(struct file *file, unsigned int cmd, unsigned long arg)
{
    die_in = cmd;
    if (cmd == 3) {
        mutex_lock(&m);
        mutex_lock(&m);
    }
    return 0;
}
static vm_fault_t d_page(struct vm_fault *vmf)
{
    return *nothing;
}
static const struct vm_operations_struct d_vm = { .fault = d_page };
static int d_map(struct file *file, struct vm_area_struct *vma)
{
    if (die_in == 4)
        *nothing = 1;
    vma->vm_ops = &d_vm;
    return 0;
}
static const struct file_operations fops = {
    .owner = THIS_MODULE, .open = d_first, .release = d_last, .read = d_fetch,
    .unlocked_ioctl = d_command, .mmap = d_map,
};
static struct miscdevice d = { .minor = MISC_DYNAMIC_MINOR, .name = "d", .fops = &fops };
static int __init start(void) { return misc_register(&d); }
static void __exit end(void) { misc_deregister(&d); }
module_init(start);
module_exit(end);
"""
)
OPEN = {"open": {"device": "d", "by": "cat"}}


def order(cmd: int) -> dict[str, Any]:
    return {"ioctl": {"file": "d", "cmd": cmd}}


READ = {"read": {"file": "d", "size": 4}}
MAP = {"mmap": {"file": "d", "as": "map"}}
PEEK = {"peek": {"map": "map", "size": 1}}


def run(*steps: Any) -> RunResult:
    result = run_driver(SOURCE, "d.c", script=["insmod", *steps, "rmmod"], machine=machine())
    assert result.outcome != "does-not-compile", "\n".join(map(str, result.diagnostics))
    return result


def notes(result: RunResult) -> list[str]:
    return [step.note for step in result.results]


def test_a_killed_program_does_nothing_more_and_its_files_are_closed() -> None:
    result = run(OPEN, READ, READ, order(0))
    assert result.outcome == "task-killed"
    read, *later, rmmod = notes(result)[2:]
    assert read == "cat does not come back from read"
    assert later == ["not run: cat is dead"] * 2
    assert texts(result)[-1] == "released"
    assert (rmmod, result.results[-1].result) == ("", 0)


def test_a_program_of_the_same_name_starts_anew() -> None:
    result = run(OPEN, READ, OPEN, order(0), {"close": "d"})
    assert [step.result for step in result.results[3:]] == [0, 0, 0, 0]
    assert not any(notes(result)[3:])


def test_who_hangs_keeps_its_files_and_the_module() -> None:
    result = run(OPEN, order(3), READ, {"exit": "cat"}, OPEN)
    assert result.outcome == "hangs"
    *_, read, leave, again, rmmod = notes(result)
    assert {read, leave, again} == {"not run: cat waits for ever"}
    assert rmmod == "rmmod: the module is in use"
    assert "released" not in texts(result)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([OPEN, order(1), OPEN | {}, {"exit": "cat"}], id="open"),
        pytest.param([OPEN, order(2), {"close": "d"}], id="release"),
    ],
)
def test_a_file_that_is_half_open_or_half_closed_pins_the_module(steps: list[Any]) -> None:
    if len(steps) == 4:
        steps[2] = {"open": {"device": "d", "by": "other", "as": "second"}}
    result = run(*steps)
    assert result.outcome == "task-killed"
    assert notes(result)[-1] == "rmmod: the module is in use"


@pytest.mark.parametrize("steps", [[order(4), MAP], [MAP, PEEK]], ids=["mmap", "fault"])
def test_who_dies_with_the_lock_of_its_memory_never_gets_to_its_files(steps: list[Any]) -> None:
    result = run(OPEN, *steps, READ)
    assert result.outcome == "task-killed"
    assert notes(result)[-3].startswith("cat does not come back from")
    assert notes(result)[-2:] == ["not run: cat waits for ever", "rmmod: the module is in use"]
    assert "released" not in texts(result)


@pytest.mark.parametrize(
    ("steps", "frames", "numbers"),
    [
        ([READ], ["vfs_read", "ksys_read", "do_syscall_64"], ["0000000000000000"]),
        ([order(4), MAP], ["mmap_region", "do_mmap", "vm_mmap_pgoff"], ["0000000000000009"]),
        # A page fault is no system call.
        ([MAP, PEEK], ["__do_fault", "do_fault", "__handle_mm_fault"], []),
    ],
)
def test_the_call_trace_tells_how_the_kernel_was_entered(
    steps: list[Any], frames: list[str], numbers: list[str]
) -> None:
    log = texts(run(OPEN, *steps))
    trace = [line.strip().partition("+")[0] for line in log]
    start = trace.index(frames[0])
    assert trace[start : start + len(frames)] == frames
    called = [line.partition("ORIG_RAX: ")[2] for line in log if "ORIG_RAX" in line]
    assert called == numbers
