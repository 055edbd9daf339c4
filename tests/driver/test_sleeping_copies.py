"""Copies to and from user space in atomic context: the report names what a 6.12 kernel names."""

import pytest

from kmemquest.driver.run import run_driver
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import Checkers, MachineSpec

DRIVER = """
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

static DEFINE_SPINLOCK(lock);
static char buf[64];

static int __init copy_init(void)
{
	spin_lock(&lock);
	if (%s)
		pr_info("not copied\\n");
	spin_unlock(&lock);
	return 0;
}

static void __exit copy_exit(void)
{
}

module_init(copy_init);
module_exit(copy_exit);
MODULE_LICENSE("GPL");
"""


@pytest.mark.parametrize(
    ("call", "place", "frames"),
    [
        ("copy_to_user((void __user *)16, buf, 64)", 192, ["__might_fault", "_copy_to_user"]),
        ("copy_from_user(buf, (void __user *)16, 64)", 162, ["__might_fault", "_copy_from_user"]),
    ],
)
def test_the_inline_copy_leaves_no_frame(call: str, place: int, frames: list[str]) -> None:
    """A recorded 6.12 trace of copy_to_user(): __might_resched, __might_fault, _copy_to_user."""
    machine = Machine.boot(MachineSpec(checkers=Checkers.preset("debug")))
    texts = [line.text for line in run_driver(DRIVER % call, "c.c", machine=machine).log]
    (head,) = [n for n, text in enumerate(texts) if "sleeping function called" in text]
    assert texts[head].endswith(f"include/linux/uaccess.h:{place}")
    trace = [text.strip().split("+")[0] for text in texts[head : head + 25]]
    at = trace.index("__might_resched")
    assert trace[at + 1 : at + 4] == [*frames, "copy_init"]
    assert "not copied" in texts
