"""/proc/vmallocinfo names its callers when it is read: of code that is gone only addresses stay."""

from __future__ import annotations

import re

from kmemquest.driver.build import build
from kmemquest.driver.session import DriverSession
from kmemquest.kernel.text.vmallocinfo import vmallocinfo
from tests.driver.kernel_module import HEAD, machine

SOURCE = (
    HEAD
    + """
static void *first, *second;
static noinline void take(void) { second = vmalloc(40000); }
static int __init start(void)
{
	first = vmalloc(20000);
	take();
	return first && second ? 0 : -ENOMEM;
}
static void __exit stop(void) { vfree(first); }
module_init(start);
module_exit(stop);
"""
)


def callers(session: DriverSession) -> dict[str, str]:
    """Pages of the driver's areas -> who is named for them."""
    rows = re.findall(r"^\S+ +\d+ (\S+(?: \[probe\])?) pages=(5|10) vmalloc",
                      vmallocinfo(session.machine), re.MULTILINE)  # fmt: skip
    return {pages: caller for caller, pages in rows}


def test_init_code_loses_its_name_after_init_and_the_rest_with_the_module() -> None:
    session = DriverSession(machine(), build(SOURCE, "probe.c"))
    session.perform("insmod")
    start, end = session.machine.spec.modules_start, 0xFFFF_FFFF_FF00_0000
    loaded = callers(session)
    assert start <= int(loaded["5"], 16) < end
    assert re.fullmatch(r"take\+0x\w+/0x\w+ \[probe\]", loaded["10"])
    session.perform("rmmod")
    left = callers(session)
    assert list(left) == ["10"]
    assert start <= int(left["10"], 16) < end
    session.close()
