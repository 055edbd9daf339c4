"""Static objects in reports: `%pS` names them while their module is loaded."""

from __future__ import annotations

import re

from kmemquest.driver.run import run_driver
from tests.driver.kernel_module import HEAD, machine, texts

SOURCE = (
    HEAD
    + """
static char gauge[24];
static int reading = 30;
static int __init start(void) { gauge[reading] = 1; return 0; }
static void __exit end(void) { }
module_init(start);
module_exit(end);
"""
)
HEADLINE = "The buggy address belongs to the variable:"


def test_a_write_behind_a_static_array_names_the_array() -> None:
    board = machine("debug")
    log = texts(run_driver(SOURCE, "g.c", script=["insmod"], machine=board))
    named = log[log.index(HEADLINE) + 1]
    found = re.fullmatch(r" gauge\+0x1e/(0x[0-9a-f]+) \[g\]", named)
    assert found
    # The module's data lies behind its text, where the kernel takes every symbol of it to end.
    assert -0x10000 < int(found[1], 16) - (1 << 64) < 0
    assert not any("physical page" in line for line in log)
    assert {name for name, _, _ in board.checks.variables.values()} == {"gauge", "reading"}


def test_an_unloaded_module_leaves_no_names() -> None:
    board = machine("debug")
    run_driver(SOURCE, "g.c", script=["insmod", "rmmod"], machine=board)
    assert not board.checks.variables
