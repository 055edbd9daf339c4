"""The fault sweep: each allocation fails in turn, and good and bad unwinding are told apart."""

from __future__ import annotations

from typing import Any

import pytest

from kmemquest.driver.build import build
from kmemquest.driver.fault_sweep import (
    FaultResult,
    FaultSweep,
    SweepLimits,
    order_of_points,
    sweep_driver,
)
from kmemquest.driver.run import run_driver, sweep_faults
from kmemquest.driver.script import parse_script
from kmemquest.kernel import gfp
from kmemquest.kernel.check.fault_injection import FaultPoint, armed
from kmemquest.kernel.context import Frame
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.zone import NO_PAGE
from tests.driver.kernel_module import HEAD, _snapshot, machine

LOADING: Any = ["insmod", "rmmod"]
"""Steps that every module goes through."""

GOOD = """
static void *a, *b, *c;
static int __init start(void)
{
	a = kmalloc(64, GFP_KERNEL);		/* first */
	if (!a)
		return -ENOMEM;
	b = vmalloc(3 * PAGE_SIZE);
	if (!b)
		goto free_a;
	c = (void *)__get_free_pages(GFP_KERNEL, 1);
	if (!c)
		goto free_b;
	return 0;
free_b:
	vfree(b);
free_a:
	kfree(a);
	return -ENOMEM;
}
static void __exit stop(void)
{
	free_pages((unsigned long)c, 1);
	vfree(b);
	kfree(a);
}
module_init(start);
module_exit(stop);
"""

LEAKY = GOOD.replace("free_b:\n	vfree(b);\n", "free_b:\n")


def sweep(
    body: str,
    script: Any = None,
    checkers: str = "production",
    limits: SweepLimits | None = None,
) -> FaultSweep:
    module = build(HEAD + body, "probe.c").module
    assert module is not None
    steps = parse_script(LOADING if script is None else script)
    return sweep_driver(module, _snapshot(checkers), steps, limits)


def line_of(body: str, marker: str) -> int:
    return (HEAD + body)[: (HEAD + body).index(marker)].count("\n") + 1


def by_call(found: FaultSweep, call: str) -> list[FaultResult]:
    return [result for result in found.results if result.call == call]


@pytest.mark.parametrize("checkers", ["production", "debug"])
def test_good_unwinding_survives_every_failure(checkers: str) -> None:
    found = sweep(GOOD, checkers=checkers)
    assert found.survives
    assert found.cut == ""
    assert found.points == len(found.results) >= 5
    assert {result.call for result in found.results} == {"kmalloc", "vmalloc", "__get_free_pages"}
    assert by_call(found, "kmalloc")[0].result == -12
    assert by_call(found, "kmalloc")[0].point.site.line == line_of(GOOD, "/* first */")
    # The bulk request for vmalloc's pages has a second way inside the kernel.
    assert "absorbed" in {result.verdict for result in by_call(found, "vmalloc")}
    assert all(result.error_returned == result.call_failed for result in found.results)


@pytest.mark.parametrize("checkers", ["production", "debug"])
def test_a_missing_free_is_a_leak(checkers: str) -> None:
    found = sweep(LEAKY, checkers=checkers)
    assert not found.survives
    (page,) = by_call(found, "__get_free_pages")
    assert page.verdict == "leak"
    assert page.error_returned
    assert page.first_bad is not None
    assert page.first_bad.site is not None
    assert page.first_bad.site.line == line_of(GOOD, "b = vmalloc")
    assert all(result.survived for result in found.results if result is not page)
    assert found.worst is page


@pytest.mark.parametrize("checkers", ["production", "debug"])
def test_an_unchecked_result_is_a_null_pointer_used(checkers: str) -> None:
    body = GOOD.replace(
        "	if (!c)\n		goto free_b;\n	return 0;\nfree_b:\n	vfree(b);\n",
        "	memset(c, 1, 64);\n	return 0;\n",
    )
    found = sweep(body, checkers=checkers)
    (page,) = by_call(found, "__get_free_pages")
    assert page.verdict == "null-used"
    assert page.outcome == "task-killed"
    assert page.first_bad is not None
    roles = dict(page.first_bad.sites)
    assert roles["unchecked"].line == line_of(GOOD, "c = (void *)")
    assert page.as_json()["null_used"] is True


def test_freeing_twice_on_an_error_path() -> None:
    body = GOOD.replace("free_b:\n	vfree(b);", "free_b:\n	kfree(a);\n	vfree(b);")
    for checkers in ("production", "debug"):
        (page,) = by_call(sweep(body, checkers=checkers), "__get_free_pages")
        assert page.double_free, checkers
        assert page.verdict in ("double-free", "oops")


def test_an_error_that_is_swallowed_carries_on() -> None:
    body = """
static void *cache;
static int __init start(void) { cache = kmalloc(512, GFP_KERNEL); return 0; }
static void __exit stop(void) { kfree(cache); }
module_init(start);
module_exit(stop);
"""
    found = sweep(body)
    (only,) = found.results
    assert only.verdict == "carried-on"
    assert (only.call_failed, only.result, only.survived) == (True, 0, True)


def test_kvmalloc_finds_another_way() -> None:
    body = """
static void *big;
static int __init start(void)
{
	big = kvmalloc(4 * PAGE_SIZE, GFP_KERNEL);
	return big ? 0 : -ENOMEM;
}
static void __exit stop(void) { kvfree(big); }
module_init(start);
module_exit(stop);
"""
    found = sweep(body)
    assert found.survives
    assert found.results[0].verdict == "absorbed"
    assert found.results[0].point.knob == "fail_page_alloc"


def test_nofail_requests_never_fail() -> None:
    body = """
static int __init start(void)
{
	void *p = kmalloc(64, GFP_KERNEL | __GFP_NOFAIL);

	memset(p, 0, 64);
	kfree(p);
	return 0;
}
module_init(start);
"""
    found = sweep(body)
    assert (found.points, found.results, found.survives) == (0, (), True)


CONTEXTS = """
static void *kept;
static void tick(struct timer_list *t);
static DEFINE_TIMER(timer, tick);
static void tick(struct timer_list *t)
{
	int *p = kmalloc(64, GFP_ATOMIC);	/* in softirq */

	if (p)
		*p = 1;
	kfree(p);
}
static irqreturn_t handler(int irq, void *dev)
{
	int *p = kmalloc(96, GFP_ATOMIC);	/* in hardirq */

	*p = 1;
	kfree(p);
	return IRQ_HANDLED;
}
static int __init start(void)
{
	int err;

	kept = kzalloc(32, GFP_KERNEL);		/* in process */
	if (!kept)
		return -ENOMEM;
	err = request_irq(9, handler, 0, "probe", kept);
	if (err) {
		kfree(kept);
		return err;
	}
	mod_timer(&timer, jiffies + 1);
	return 0;
}
static void __exit stop(void)
{
	timer_shutdown_sync(&timer);
	free_irq(9, kept);
	kfree(kept);
}
module_init(start);
module_exit(stop);
"""


def test_every_context_of_the_script_is_swept() -> None:
    script = ["insmod", {"advance": "20ms"}, {"irq": {"line": 9}}, "rmmod"]
    found = sweep(CONTEXTS, script)
    contexts = {
        result.point.context: result for result in found.results if result.call.startswith("k")
    }
    assert set(contexts) == {"process", "softirq", "hardirq"}
    assert contexts["process"].verdict == "error-returned"
    assert contexts["softirq"].verdict == "carried-on"
    assert contexts["softirq"].step == "advance"
    broken = contexts["hardirq"]
    assert broken.verdict == "null-used"
    assert broken.outcome == "panicked"
    assert broken.first_bad is not None
    assert dict(broken.first_bad.sites)["unchecked"].line == line_of(CONTEXTS, "/* in hardirq */")
    assert found.worst is broken


def test_what_is_wrong_without_a_failure_is_not_blamed_on_one() -> None:
    body = """
static int __init start(void)
{
	void *lost = kmalloc(100, GFP_KERNEL);
	void *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	kfree(p);
	return lost ? 0 : -ENOMEM;
}
static void __exit stop(void) { }
module_init(start);
module_exit(stop);
"""
    found = sweep(body)
    assert [item.kind for item in found.before] == ["leak"]
    assert not found.survives
    assert all(result.survived for result in found.results)


MANY = """
static void *ring[40];
static void drop(int n) { while (n--) kfree(ring[n]); }
static int __init start(void)
{
	int i;

	for (i = 0; i < 40; i++) {
		ring[i] = kmalloc(128, GFP_KERNEL);
		if (!ring[i]) {
			drop(i);
			return -ENOMEM;
		}
	}
	return 0;
}
static void __exit stop(void) { drop(40); }
module_init(start);
module_exit(stop);
"""


def test_a_sweep_is_bounded_and_says_so() -> None:
    whole = sweep(MANY)
    assert whole.survives
    assert whole.points >= 40
    few = sweep(MANY, limits=SweepLimits(failures=5))
    assert (few.cut, len(few.results), few.points) == ("failures", 5, whole.points)
    # The first and the last of a place come first: errors hide at the edges.
    assert {1, whole.points} & {result.point.number for result in few.results}
    short = sweep(MANY, limits=SweepLimits(statements=400))
    assert short.cut == "statements"
    assert len(short.results) < whole.points


def test_the_order_of_points_sees_every_place_first() -> None:
    def point(number: int, line: int, context: str = "process") -> FaultPoint:
        return FaultPoint(number, "failslab", 64, 0, Frame("f", "x.c", line), context, ("f",))

    points = [*(point(n, 10) for n in range(1, 8)), point(8, 20), point(9, 10, "hardirq")]
    assert order_of_points(points) == [1, 7, 8, 9, 2, 3, 4, 5, 6]


def test_equal_sweeps_are_equal() -> None:
    assert sweep(LEAKY).as_json() == sweep(LEAKY).as_json()


def test_a_driver_that_does_not_compile_has_no_sweep() -> None:
    diagnostics, found = sweep_faults("int x = ;", "x.c")
    assert found is None
    assert diagnostics


# --- the knobs ----------------------------------------------------------------------------


def in_driver(booted: Machine) -> None:
    booted.context.stack.append(Frame("probe", "probe.c", 1, "probe"))


def test_a_sweep_fails_the_chosen_request_only() -> None:
    booted = machine()
    faults = armed(booted)
    in_driver(booted)
    faults.sweep(2)
    first = booted.kmalloc.kmalloc(64, gfp.GFP_KERNEL)
    second = booted.kmalloc.kmalloc(64, gfp.GFP_KERNEL)
    third = booted.pages.alloc_pages(gfp.GFP_KERNEL, 0)
    assert first
    assert not second
    assert third != NO_PAGE
    assert [point.knob for point in faults.points] == ["failslab", "failslab", "fail_page_alloc"]
    assert faults.failed == faults.points[1]
    assert booted.log.lines[-1].text.strip()
    assert any("FAULT_INJECTION: forcing a failure." in line.text for line in booted.log.lines)


def test_requests_outside_of_driver_code_are_not_counted() -> None:
    booted = machine()
    faults = armed(booted)
    faults.sweep(1)
    assert booted.kmalloc.kmalloc(64, gfp.GFP_KERNEL)
    assert faults.points == []


def test_default_knobs_pass_over_requests_that_may_sleep() -> None:
    """failslab/ignore-gfp-wait is on at boot, so fail_nth alone never fails GFP_KERNEL."""
    booted = machine()
    faults = armed(booted)
    task = booted.context.task
    task.fail_nth = 1
    assert booted.kmalloc.kmalloc(64, gfp.GFP_KERNEL)
    assert booted.pages.alloc_pages(gfp.GFP_ATOMIC, 0) != NO_PAGE  # below min-order 1
    assert task.fail_nth == 1
    assert not booted.kmalloc.kmalloc(64, gfp.GFP_ATOMIC)
    assert task.fail_nth == 0
    faults.failslab.ignore_gfp_wait = False
    task.fail_nth = 2
    assert booted.kmalloc.kmalloc(64, gfp.GFP_KERNEL)
    assert not booted.kmalloc.kmalloc(64, gfp.GFP_KERNEL)


def test_fail_nth_counts_in_task_context_only() -> None:
    booted = machine()
    armed(booted)
    booted.context.task.fail_nth = 1
    booted.context.hardirq_depth = 1
    assert booted.kmalloc.kmalloc(64, gfp.GFP_ATOMIC)
    assert booted.context.task.fail_nth == 1


def test_an_unarmed_machine_has_the_plain_allocator() -> None:
    from kmemquest.kernel.mm.page_alloc import PageAllocator

    booted = machine()
    assert type(booted.pages) is PageAllocator
    assert booted.checks.faults is None
    armed(booted)
    assert isinstance(booted.pages, PageAllocator)
    assert type(Machine.restore(booted.snapshot()).pages) is type(booted.pages)


def test_a_driver_on_a_debug_kernel_sets_fail_nth() -> None:
    body = """
static int __init start(void)
{
	void *p, *q;

	current->fail_nth = 2;
	p = kmalloc(64, GFP_ATOMIC);
	q = kmalloc(64, GFP_ATOMIC);
	pr_info("got %d %d, left %d\\n", p != NULL, q != NULL, current->fail_nth);
	kfree(p);
	kfree(q);
	return 0;
}
module_init(start);
"""
    result = run_driver(HEAD + body, "probe.c", script=["insmod"], machine=machine("debug"))
    assert any("got 1 0, left 0" in line.text for line in result.log)
