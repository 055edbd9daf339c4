"""Rules that show only when memory is short: who waits, who warns, who is asked."""

from __future__ import annotations

from kmemquest.driver.run import RunResult, run_driver
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec

SHRINKER = """
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

static DEFINE_MUTEX(lock);
static struct shrinker *shrinker;
static void *block;

static unsigned long count(struct shrinker *s, struct shrink_control *sc)
{
	TAKE;
	mutex_unlock(&lock);
	return 0;
}

static unsigned long scan(struct shrinker *s, struct shrink_control *sc)
{
	return SHRINK_STOP;
}

static int __init trial_init(void)
{
	shrinker = shrinker_alloc(0, "trial");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker_register(shrinker);
	mutex_lock(&lock);
	block = kmalloc(64, GFP_KERNEL);
	mutex_unlock(&lock);
	return 0;
}

static void __exit trial_exit(void)
{
	shrinker_free(shrinker);
	kfree(block);
}
module_init(trial_init);
module_exit(trial_exit);
MODULE_LICENSE("GPL");
"""

NOIO = """
#include <linux/gfp.h>
#include <linux/module.h>

static int __init taker_init(void)
{
	while (alloc_pages(GFP_NOIO, 3))
		;
	return 0;
}
module_init(taker_init);
MODULE_LICENSE("GPL");
"""

POOL = """
#include <linux/mempool.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/timer.h>

static mempool_t *pool;
static void *held;
static int spare;
static struct timer_list timer;

static void *take(gfp_t gfp, void *data)
{
	return spare ? (spare--, kmalloc(64, gfp)) : NULL;
}

static void give(void *element, void *data)
{
	kfree(element);
}

static void tick(struct timer_list *t)
{
	mempool_free(held, pool);
}

static int __init pool_init(void)
{
	void *second;
	int i;

	spare = 1;
	pool = mempool_create(1, take, give, NULL);
	if (!pool)
		return -ENOMEM;
	timer_setup(&timer, tick, 0);
	for (i = 0; i < 40; i++) {
		held = mempool_alloc(pool, GFP_KERNEL);
		mod_timer(&timer, jiffies + 1);
		second = mempool_alloc(pool, GFP_KERNEL);
		mempool_free(second, pool);
	}
	pr_info("pool: %d rounds\\n", i);
	timer_shutdown_sync(&timer);
	mempool_destroy(pool);
	return 0;
}

static void __exit pool_exit(void)
{
}
module_init(pool_init);
module_exit(pool_exit);
MODULE_LICENSE("GPL");
"""


def under_pressure(take: str) -> RunResult:
    """Run the shrinker that takes its lock like this while a hog fills the machine."""
    spec = MachineSpec(ram=32 * MIB, page_cache=32 * MIB, checkers=Checkers(lockdep=True))
    script = ["insmod", {"pressure": {"hog": "8M"}}, "rmmod"]
    return run_driver(SHRINKER.replace("TAKE", take), "trial.c", spec, script)


def test_a_lock_that_is_only_tried_closes_no_circle() -> None:
    """`kernel/locking/lockdep.c:validate_chain` leaves trylocks out; waiting for it would count."""
    waited = under_pressure("mutex_lock(&lock)")
    assert [report.kind for report in waited.reports] == ["lock-order"]
    tried = under_pressure("if (!mutex_trylock(&lock))\n\t\treturn 0")
    assert not tried.reports


def test_a_small_noio_request_waits_and_says_nothing() -> None:
    """It may not kill, and being small it does not give up: no failure is ever printed."""
    spec = MachineSpec(ram=32 * MIB, processes=(("editor", 16 * MIB, 0),))
    result = run_driver(NOIO, "taker.c", spec, ["insmod"])
    assert [report.kind for report in result.reports] == ["endless-allocation"]
    assert "page allocation failure" not in "\n".join(result.log_text())


def test_waiting_for_an_element_is_no_endless_loop() -> None:
    """Forty waits of a tick each: time passes, the host does next to nothing."""
    result = run_driver(POOL, "pool.c", MachineSpec(ram=32 * MIB), ["insmod", "rmmod"])
    assert not result.reports
    assert "pool: 40 rounds" in "\n".join(result.log_text())


HELPED = """
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/timer.h>

static struct page *held;
static struct timer_list timer;

static void give(struct timer_list *t)
{
	__free_pages(held, 10);
	held = NULL;
}

static int __init patient_init(void)
{
	unsigned long begin;
	struct page *page;

	held = alloc_pages(GFP_KERNEL, 10);
	while (alloc_pages(GFP_NOWAIT | __GFP_NOWARN, 0))
		;
	while (alloc_page(GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN))
		;
	timer_setup(&timer, give, 0);
	mod_timer(&timer, jiffies + HZ / 10);
	begin = jiffies;
	page = alloc_page(GFP_NOIO | __GFP_NOFAIL);
	pr_info("%s after %lu ticks\\n", page ? "a page" : "nothing", jiffies - begin);
	return 0;
}
module_init(patient_init);
MODULE_LICENSE("GPL");
"""


def test_who_waits_for_memory_lets_others_free_it() -> None:
    spec = MachineSpec(ram=32 * MIB, checkers=Checkers())
    result = run_driver(HELPED, "patient.c", spec, ["insmod"])
    assert result.outcome == "ran", result.reports
    assert "a page after 25 ticks" in result.log_text()[-1]
