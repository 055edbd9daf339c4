"""Interrupts on other CPUs, static per-CPU variables, and timers that interrupt a delay loop."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kmemquest.driver.run import RunResult, run_driver
from kmemquest.driver.script import ScriptError
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec
from tests.driver.kernel_module import HEAD, value_of

CPUS = 3
COUNTERS = (
    HEAD
    + """
static DEFINE_PER_CPU(int, hits) = 5;
static int __percpu *dynamic;
static irqreturn_t handler(int irq, void *dev)
{
	this_cpu_inc(hits);
	this_cpu_inc(*dynamic);
	return IRQ_HANDLED;
}
static int __init start(void)
{
	dynamic = alloc_percpu(int);
	return dynamic ? request_irq(9, handler, 0, "probe", &dynamic) : -ENOMEM;
}
static void __exit stop(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		pr_info("cpu %d: %d %d\\n", cpu, per_cpu(hits, cpu), *per_cpu_ptr(dynamic, cpu));
	free_irq(9, &dynamic);
	free_percpu(dynamic);
}
module_init(start);
module_exit(stop);
"""
)


def run(script: Sequence[object]) -> RunResult:
    spec = MachineSpec(ram=64 * MIB, cpus=CPUS, checkers=Checkers.preset("production"))
    return run_driver(COUNTERS, "probe.c", spec, script)


def test_an_interrupt_counts_on_the_cpu_that_takes_it() -> None:
    script = ["insmod", {"irq": {"line": 9, "times": 4, "cpu": 2}}, {"irq": {"line": 9}}, "rmmod"]
    log = "\n".join(line.text for line in run(script).log)
    assert "cpu 0: 6 1" in log
    assert "cpu 1: 5 0" in log
    assert "cpu 2: 9 4" in log


def test_a_cpu_that_the_machine_lacks_is_refused() -> None:
    with pytest.raises(ScriptError, match="3 CPUs"):
        run(["insmod", {"irq": {"line": 9, "cpu": 3}}])


TIMER = """
#include <linux/delay.h>
#include <linux/hrtimer.h>
static int fired;
static struct hrtimer timer;
static enum hrtimer_restart tick(struct hrtimer *t)
{{
	fired = in_hardirq() ? 2 : 1;
	return HRTIMER_NORESTART;
}}
long probe(void);
long probe(void)
{{
	unsigned long flags = 0;
	int seen;

	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer.function = tick;
	hrtimer_start(&timer, ns_to_ktime(50000), HRTIMER_MODE_REL);
	{before}
	udelay({wait});
	seen = fired;
	{after}
	hrtimer_cancel(&timer);
	return seen + (flags & 0);
}}
"""


@pytest.mark.parametrize(
    ("before", "after", "wait", "seen"),
    [
        ("", "", 100, 2),
        ("", "", 20, 0),
        ("rcu_read_lock();", "rcu_read_unlock();", 100, 2),
        ("preempt_disable();", "preempt_enable();", 100, 2),
        ("local_irq_save(flags);", "local_irq_restore(flags);", 100, 0),
    ],
)
def test_a_timer_interrupts_a_delay_unless_interrupts_are_off(
    before: str, after: str, wait: int, seen: int
) -> None:
    source = TIMER.format(before=before, after=after, wait=wait)
    assert value_of(source, "production") == seen
