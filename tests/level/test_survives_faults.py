"""The goal that a driver survives the failure of any single allocation."""

from __future__ import annotations

import pytest

from kmemquest import i18n
from kmemquest.driver.fault_sweep import FaultSweep
from kmemquest.kernel.spec import MIB, MachineSpec
from kmemquest.level.evidence import Evidence
from kmemquest.level.explanation import explain_all, lines_of
from kmemquest.level.goals_faults import SurvivesFaults
from kmemquest.level.predicate import load_predicates
from kmemquest.level.recording import Recording
from kmemquest.level.report_fixes import FIXES
from kmemquest.level.reports import KINDS
from kmemquest.level.source import substitute
from kmemquest.level.sweep_table import rows_of, summary, sweep_json, sweep_lines
from kmemquest.level.trial import Trial

DRIVER = """\
#include <linux/module.h>
#include <linux/slab.h>
MODULE_LICENSE("GPL");
static char *ring, *stats;
static int __init nic_init(void)
{
	ring = kzalloc(512, GFP_KERNEL);
	if (!ring)
		return -ENOMEM;
	stats = kmalloc(64, GFP_KERNEL);
	if (!stats)
		goto free_ring;
	stats[0] = 1;
	return 0;
free_ring:
	kfree(ring);
	return -ENOMEM;
}
static void __exit nic_exit(void)
{
	kfree(stats);
	kfree(ring);
}
module_init(nic_init);
module_exit(nic_exit);
"""
LEAKS = DRIVER.replace("free_ring:\n\tkfree(ring);\n", "free_ring:\n")
USES_NULL = DRIVER.replace("	if (!stats)\n		goto free_ring;\n", "").replace(
    "free_ring:\n	kfree(ring);\n	return -ENOMEM;\n", ""
)
NOTHING = """\
#include <linux/module.h>
MODULE_LICENSE("GPL");
static int __init nic_init(void) { return 0; }
static void __exit nic_exit(void) { }
module_init(nic_init);
module_exit(nic_exit);
"""


def played(driver: str, *, faults: bool = True) -> Recording:
    trial = Trial(substitute(driver, {}), "nic.c", MachineSpec(ram=64 * MIB), faults=faults)
    return trial.run()


def sweep_of(driver: str) -> FaultSweep:
    sweep = played(driver).faults
    assert sweep is not None
    return sweep


def test_the_predicate_is_on_the_list() -> None:
    assert load_predicates()["survives-faults"] is SurvivesFaults


def test_a_driver_that_unwinds_meets_the_goal() -> None:
    outcome = SurvivesFaults().judge(Evidence(played(DRIVER)))
    assert outcome.met
    assert "2 allocations" in outcome.why or "took each" in outcome.why


def test_a_leak_on_the_error_path_breaks_it_at_its_line() -> None:
    outcome = SurvivesFaults().judge(Evidence(played(LEAKS)))
    assert (outcome.met, outcome.kind) == (False, "leak")
    assert outcome.line == LEAKS[: LEAKS.index("ring = kzalloc")].count("\n") + 1
    assert outcome.function == "nic_init"
    assert "kmalloc()" in outcome.why


def test_a_null_pointer_is_blamed_on_the_allocation_nobody_looked_at() -> None:
    outcome = SurvivesFaults().judge(Evidence(played(USES_NULL)))
    assert (outcome.met, outcome.kind) == (False, "null-dereference")
    assert outcome.line == USES_NULL[: USES_NULL.index("stats = kmalloc")].count("\n") + 1


def test_a_driver_that_allocates_nothing_does_not_pass() -> None:
    outcome = SurvivesFaults().judge(Evidence(played(NOTHING)))
    assert not outcome.met
    assert SurvivesFaults(at_least=50).judge(Evidence(played(DRIVER))).met is False


def test_without_a_sweep_the_goal_is_not_met() -> None:
    recording = played(DRIVER, faults=False)
    assert recording.faults is None
    assert not SurvivesFaults().judge(Evidence(recording)).met


def test_a_sweep_is_part_of_the_recording() -> None:
    assert played(LEAKS).digest() == played(LEAKS).digest()
    assert played(DRIVER).digest() != played(DRIVER, faults=False).digest()


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
def test_the_table_in_both_languages(lang: str) -> None:
    i18n.set_language(lang)
    try:
        sweep = sweep_of(LEAKS)
        rows, text = rows_of(sweep), "\n".join(sweep_lines(sweep, "nic.c"))
        told = [
            line for item in explain_all(sweep.results[-1].findings) for line in lines_of(item, "n")
        ]
        words = summary(sweep)
    finally:
        i18n.set_language("en")
    assert len(rows) == len(sweep.results) + 1
    assert "nic.c:7" in text
    assert "kmalloc()" in text
    assert any("Documentation/dev-tools/kmemleak.rst" in line for line in told)
    assert ("泄漏" in text) == (lang == "zh_CN")
    assert words in text


def test_the_json_tells_the_first_bad_step() -> None:
    shown = sweep_json(sweep_of(LEAKS))
    assert shown["survives"] is False
    assert shown["first_bad"]["line"] == 7
    assert shown["first_bad"]["rule"]
    assert shown["first_bad"]["fix"]
    assert shown["results"][0]["verdict"] == "error-returned"
    good = sweep_json(sweep_of(DRIVER))
    assert (good["survives"], good["first_bad"], good["worst"]) == (True, None, None)


def test_every_kind_of_report_has_a_fix_and_a_page() -> None:
    assert set(KINDS) <= set(FIXES)
    for kind, fix in FIXES.items():
        assert fix.text.endswith("."), kind
        assert fix.page.endswith(".rst"), kind
