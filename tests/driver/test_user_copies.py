"""Copies of a program's memory: who owns how many bytes, and what a bad address gives."""

from __future__ import annotations

from typing import Any

import pytest

from kmemquest.driver.run import RunResult, run_driver
from tests.driver.kernel_module import HEAD, machine, texts

DEVICE = (
    HEAD
    + """
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/string.h>
#include <linux/uaccess.h>
static long take(struct file *file, unsigned int cmd, unsigned long arg)
{
	char *text = cmd == 1 ? memdup_user_nul((void __user *)arg, 8)
				: strndup_user((const char __user *)arg, 8);

	if (IS_ERR(text))
		return PTR_ERR(text);
	pr_info("<%s> %zu\\n", text, ksize(text));
	kfree(text);
	return 0;
}
static const struct file_operations fops = { .owner = THIS_MODULE, .unlocked_ioctl = take };
static struct miscdevice misc = { .minor = MISC_DYNAMIC_MINOR, .name = "m", .fops = &fops };
static int __init start(void) { return misc_register(&misc); }
static void __exit end(void) { misc_deregister(&misc); }
module_init(start);
module_exit(end);
"""
)


def taken(command: int, argument: Any, checkers: str = "debug") -> RunResult:
    """Hand something to the driver."""
    call = {"ioctl": {"file": "m", "cmd": command, **argument}}
    script = ["insmod", {"open": "m"}, call]
    return run_driver(DEVICE, "c.c", script=script, machine=machine(checkers))


@pytest.mark.parametrize("checkers", ["debug", "production"])
def test_a_copy_with_a_nul_has_room_for_it(checkers: str) -> None:
    result = taken(1, {"hex": "4142434445464748"}, checkers)
    assert texts(result)[-1].startswith("<ABCDEFGH> ")
    assert result.reports == ()


@pytest.mark.parametrize(
    ("argument", "expected"),
    [({"arg": 64}, -14), ({"hex": "41" * 8}, -22), ({"hex": "41424300"}, 0)],
)
def test_a_text_is_taken_whole_or_refused(argument: dict[str, Any], expected: int) -> None:
    result = taken(2, argument)
    assert result.results[-1].result == expected
    assert result.reports == ()
    if not expected:
        assert texts(result)[-1].startswith("<ABC> ")
