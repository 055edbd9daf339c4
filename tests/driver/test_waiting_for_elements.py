"""A task that waits for an element of a mempool: who wakes it, when, and what if nobody does."""

from __future__ import annotations

from kmemquest.driver.run import RunResult, run_driver
from tests.driver.kernel_module import HEAD, machine, texts

POOL = (
    HEAD
    + """
#include <linux/ktime.h>
static mempool_t *pool;
static void *held[2];
static int works = 1;
static void *take(gfp_t gfp, void *data) { return works ? kmalloc(64, gfp) : NULL; }
static void give(void *element, void *data) { kfree(element); }
static void give_back(void) { mempool_free(held[0], pool); held[0] = NULL; }
static int __init start(void)
{
	pool = mempool_create(2, take, give, NULL);
	works = 0;
	held[0] = mempool_alloc(pool, GFP_KERNEL);
	held[1] = mempool_alloc(pool, GFP_KERNEL);
	return 0;
}
long wait_for_one(void);
long wait_for_one(void)
{
	u64 before = ktime_get_ns();
	void *element;
	arm();
	element = mempool_alloc(pool, GFP_NOIO);
	pr_info("waited %llu ms\\n", (ktime_get_ns() - before) / 1000000);
	mempool_free(element, pool);
	return 0;
}
static void __exit stop(void)
{
	mempool_free(held[0], pool);
	mempool_free(held[1], pool);
	mempool_destroy(pool);
}
module_init(start);
module_exit(stop);
"""
)
WORK = """
static void serve(struct work_struct *work) { give_back(); }
static DECLARE_DELAYED_WORK(later, serve);
static void arm(void) { schedule_delayed_work(&later, msecs_to_jiffies(30)); }
"""
TIMER = """
static void serve(struct timer_list *timer) { give_back(); }
static struct timer_list later;
static void arm(void) { timer_setup(&later, serve, 0); mod_timer(&later, jiffies + 10); }
"""
NOBODY = "static void arm(void) { (void)give_back; }\n"


def run_with(helper: str) -> RunResult:
    declarations = "static void arm(void);\n"
    source = POOL.replace("static int __init start", declarations + "static int __init start")
    script = ["insmod", {"call": "wait_for_one"}, "rmmod"]
    return run_driver(source + helper, "probe.c", script=script, machine=machine())


def milliseconds_waited(result: RunResult) -> int:
    (text,) = (text for text in texts(result) if "waited" in text)
    return int(text.split()[1])


def test_a_free_by_a_worker_wakes_the_waiter_at_once() -> None:
    result = run_with(WORK)
    assert (result.outcome, result.reports) == ("ran", ())
    # 30 ms are eight ticks of 4 ms, the first of them begun; five seconds are the longest nap.
    assert 28 <= milliseconds_waited(result) <= 32


def test_a_free_by_a_timer_wakes_the_waiter_at_once() -> None:
    assert 36 <= milliseconds_waited(run_with(TIMER)) <= 40


def test_a_waiter_whom_nobody_helps_waits_for_ever_and_nothing_is_printed() -> None:
    result = run_with(NOBODY)
    assert result.outcome == "hangs"
    assert [(report.kind, report.spoken) for report in result.reports][:1] == [
        ("task-hangs", False)
    ]
    assert not any("blocked for more than" in text for text in texts(result))
