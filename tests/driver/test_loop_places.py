"""Where a report says the driver was: the head of a for loop, not the last line of its body."""

from __future__ import annotations

import pytest

from kmemquest.driver.run import run_driver
from tests.driver.kernel_module import HEAD, machine

SOURCE = """
#include <linux/list.h>
struct item { struct list_head link; int number; };
static LIST_HEAD(items);
static int *nowhere;
static void fill(void)
{
	int n;
	(void)nowhere;
	for (n = 0; n < 2; n++) {
		struct item *new = kzalloc(sizeof(*new), GFP_KERNEL);
		if (new)
			list_add(&new->link, &items);
	}
}
static int __init start(void)
{
	struct item *item;
	int n = 0;
	(void)item; (void)n;
	fill();
	%s
	return 0;
}
static void __exit stop(void) { }
module_init(start);
module_exit(stop);
"""
LOOPS = {
    "list": "list_for_each_entry(item, &items, link) { /* here */\n\t\tkfree(item);\n\t}",
    "counter": "for (n = 0;\n\t     n < 3;\n\t     n += *nowhere) { /* here */\n\t\tn++;\n\t}",
    "continue": "for (; n < 3; n += *nowhere) { /* here */\n\t\tif (n == 0)\n\t\t\tcontinue;\n\t}",
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("watched", [False, True])
def test_what_goes_wrong_in_the_increment_is_told_of_its_line(loop: str, watched: bool) -> None:
    source = HEAD + SOURCE % LOOPS[loop]
    (line,) = [n for n, text in enumerate(source.split("\n"), 1) if "/* here */" in text]

    class Steps:
        def on_step(self, step: object) -> None: ...

    result = run_driver(
        source, "probe.c", machine=machine("debug"), observer=Steps() if watched else None
    )
    wrong = [r for r in result.reports if r.kind in ("slab-use-after-free", "null-dereference")]
    assert wrong, [report.kind for report in result.reports]
    assert wrong[0].site is not None
    assert wrong[0].site.line == line
