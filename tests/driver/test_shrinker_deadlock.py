"""A shrinker that wants a lock which the allocating task holds: the task waits for ever."""

from __future__ import annotations

import pytest

from kmemquest.driver.run import run_driver
from tests.driver.kernel_module import HEAD, machine, texts

SOURCE = (
    HEAD
    + """
#include <linux/mutex.h>
#include <linux/shrinker.h>
static DEFINE_MUTEX(lock);
static struct shrinker *shrinker;
static unsigned long tell(struct shrinker *s, struct shrink_control *sc) { return 1000; }
static unsigned long scan(struct shrinker *s, struct shrink_control *sc)
{
	if (sc->gfp_mask & __GFP_IO) {
		mutex_lock(&lock);
		mutex_unlock(&lock);
	}
	return SHRINK_STOP;
}
static int __init start(void)
{
	shrinker = shrinker_alloc(0, "probe");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = tell;
	shrinker->scan_objects = scan;
	shrinker_register(shrinker);
	return 0;
}
long fill(int flags);
long fill(int flags)
{
	struct page *first = NULL, *page;

	mutex_lock(&lock);
	while ((page = alloc_pages(flags | __GFP_NORETRY, 0))) {
		page->private = (unsigned long)first;
		first = page;
	}
	mutex_unlock(&lock);
	while ((page = first)) {
		first = (struct page *)page->private;
		__free_pages(page, 0);
	}
	return 0;
}
static void __exit stop(void) { shrinker_free(shrinker); }
module_init(start);
module_exit(stop);
"""
)


@pytest.mark.parametrize(("flags", "waits"), [(0xCC0, True), (0xC40, True), (0xC00, False)])
def test_only_masks_with_io_meet_the_lock_and_nothing_is_printed(flags: int, waits: bool) -> None:
    script = ["insmod", {"call": {"function": "fill", "args": [flags]}}, "rmmod"]
    result = run_driver(SOURCE, "probe.c", script=script, machine=machine())
    assert (result.outcome != "ran") is waits
    said = "\n".join(texts(result))
    # A task that waits inside reclaim never comes to the end of its allocation.
    assert ("page allocation failure" in said) is not waits
    assert "oom-killer" not in said
