"""insmod NAME=VALUE: numbers, truth, strings, arrays, and what modules refuse."""

from __future__ import annotations

import pytest

from kmemquest.driver.run import RunResult, run_driver
from tests.driver.kernel_module import HEAD, machine

SOURCE = (
    HEAD
    + """
static int count = 3;
static unsigned short port;
static bool quiet;
static bool loud = true;
static char *label = "none";
static char tag[8] = "abc";
static unsigned int pins[4];
static unsigned int pin_count;
module_param(count, int, 0444);
module_param(port, ushort, 0444);
module_param(quiet, bool, 0444);
module_param_named(silent, loud, invbool, 0444);
module_param(label, charp, 0444);
module_param_string(tag, tag, sizeof(tag), 0444);
module_param_array(pins, uint, &pin_count, 0444);
static int __init start(void)
{
	pr_info("count=%d port=%u quiet=%d loud=%d label=%s tag=%s pins=%u,%u/%u\\n",
		count, port, quiet, loud, label, tag, pins[0], pins[1], pin_count);
	return 0;
}
static void __exit end(void) { }
module_init(start);
module_exit(end);
"""
)


def loaded(**parameters: object) -> RunResult:
    """Load the module with parameters."""
    script = [{"insmod": parameters}, "rmmod"]
    return run_driver(SOURCE, "par.c", script=script, machine=machine())


def said(result: RunResult) -> list[str]:
    """Return what was printed, without the line about the module itself."""
    lines = [line.split("] ", 1)[1] for line in result.log_text()]
    return [line for line in lines if "loading out-of-tree" not in line]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, "count=3 port=0 quiet=0 loud=1 label=none tag=abc pins=0,0/0"),
        ({"count": "-0x10"}, "count=-16 port=0"),
        ({"count": "010", "port": "65535"}, "count=8 port=65535"),
        ({"quiet": "", "silent": "yes"}, "quiet=1 loud=0"),
        ({"quiet": True, "silent": "off"}, "quiet=1 loud=1"),
        ({"label": "pump 7", "tag": "1234567"}, "label=pump 7 tag=1234567"),
        ({"pins": "9,8"}, "pins=9,8/2"),
    ],
)
def test_a_parameter_sets_its_variable(parameters: dict[str, object], found: str) -> None:
    result = loaded(**parameters)
    assert found in said(result)[0]
    assert result.outcome == "ran"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"count": "many"}, ["par: `many' invalid for parameter `count'"]),
        ({"count": "1_0"}, ["par: `1_0' invalid for parameter `count'"]),
        ({"count": "2147483648"}, ["par: `2147483648' invalid for parameter `count'"]),
        ({"port": "-1"}, ["par: `-1' invalid for parameter `port'"]),
        ({"quiet": "perhaps"}, ["par: `perhaps' invalid for parameter `quiet'"]),
        (
            {"tag": "12345678"},
            [
                "tag: string doesn't fit in 7 chars.",
                "par: `12345678' too large for parameter `tag'",
            ],
        ),
        (
            {"pins": "1,2,3,4,5"},
            [
                "pins: can only take 4 arguments",
                "par: `1,2,3,4,5' invalid for parameter `pins'",
            ],
        ),
    ],
)
def test_a_wrong_value_keeps_the_module_out(
    parameters: dict[str, object], words: list[str]
) -> None:
    result = loaded(**parameters)
    assert result.outcome == "init-failed"
    assert said(result) == words
    assert result.results[-1].note == "rmmod: the module is not loaded"


def test_an_unknown_name_is_told_and_ignored() -> None:
    result = loaded(colour="red", count=5)
    assert said(result)[0] == "par: unknown parameter 'colour' ignored"
    assert said(result)[1].startswith("count=5 ")
    assert result.outcome == "ran"


def test_a_string_may_have_a_thousand_and_twenty_four_bytes() -> None:
    assert loaded(label="x" * 1024).outcome == "ran"
    longer = loaded(label="x" * 1025)
    assert longer.outcome == "init-failed"
    assert said(longer)[0] == "label: string parameter too long"
    assert said(longer)[1].startswith("par: `xxx")
