"""Kernel code that reads user memory itself: silent without SMAP, but not for KASAN."""

from __future__ import annotations

import pytest

from kmemquest.driver.run import RunResult, run_driver
from tests.driver.kernel_module import HEAD, machine, texts

SOURCE = (
    HEAD
    + """
#include <linux/fs.h>
#include <linux/miscdevice.h>
static char own[16];
static ssize_t u_write(struct file *file, const char __user *text, size_t n, loff_t *at)
{
	const char *bytes = (__force const char *)text;
	char *copy = NULL;
	(void)bytes; (void)copy;
	%s
	pr_info("got %%c\\n", own[0]);
	return n;
}
static const struct file_operations fops = { .owner = THIS_MODULE, .write = u_write };
static struct miscdevice misc = { .minor = MISC_DYNAMIC_MINOR, .name = "u", .fops = &fops };
static int __init start(void) { return misc_register(&misc); }
static void __exit stop(void) { misc_deregister(&misc); }
module_init(start);
module_exit(stop);
"""
)
DUPLICATE = "copy = kmemdup(bytes, n, GFP_KERNEL); if (copy) own[0] = *copy; kfree(copy);"


def run(body: str, checkers: str) -> RunResult:
    script = ["insmod", {"open": "u"}, {"write": {"file": "u", "text": "hello"}}]
    result = run_driver(SOURCE % body, "u.c", script=script, machine=machine(checkers))
    assert result.outcome != "does-not-compile", "\n".join(map(str, result.diagnostics))
    return result


@pytest.mark.parametrize("body", [DUPLICATE, "memcpy(own, bytes, n);"])
def test_kasan_sees_a_copy_of_user_memory_and_the_copy_is_not_made(body: str) -> None:
    result = run(body, "debug")
    (report,) = (r for r in result.reports if r.kind == "user-pointer-dereference")
    assert report.headline.startswith("BUG: KASAN: user-memory-access in ")
    culprit = "kmemdup_noprof+" if body is DUPLICATE else "u_write+"
    assert report.headline.partition(" in ")[2].startswith(culprit)
    assert "got h" not in texts(result)
    assert result.results[2].result == 5, "a report, no oops"


def test_a_plain_load_of_user_memory_dies_in_kasans_own_check() -> None:
    result = run("own[0] = *bytes;", "debug")
    assert result.outcome == "task-killed"
    assert any("KASAN: probably user-memory-access" in text for text in texts(result))


@pytest.mark.parametrize("body", [DUPLICATE, "memcpy(own, bytes, n);", "own[0] = *bytes;"])
def test_without_smap_nobody_sees_it_elsewhere(body: str) -> None:
    result = run(body, "production")
    assert texts(result)[-1] == "got h"
    assert result.reports == ()
