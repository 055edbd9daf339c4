"""What a driver's shrinker is told about the allocation that needs memory."""

from __future__ import annotations

from kmemquest.driver.limits import Limits
from kmemquest.driver.run import run_driver
from tests.driver.kernel_module import HEAD, machine, texts

SOURCE = (
    HEAD
    + """
#include <linux/shrinker.h>
static struct shrinker *shrinker;
static long kept = 1000;
static int asked, refused;
static int careful = 1;
module_param(careful, int, 0);
static unsigned long tell(struct shrinker *s, struct shrink_control *sc) { return kept; }
static unsigned long scan(struct shrinker *s, struct shrink_control *sc)
{
	asked++;
	if (!(sc->gfp_mask & __GFP_FS)) {
		refused++;
		return SHRINK_STOP;
	}
	kept -= careful ? 0 : sc->nr_to_scan;
	return 0;
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
long fill(int nofs);
long fill(int nofs)
{
	unsigned int saved = nofs ? memalloc_nofs_save() : 0;
	struct page *first = NULL, *page;

	while ((page = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, 0))) {
		page->private = (unsigned long)first;
		first = page;
	}
	while ((page = first)) {
		first = (struct page *)page->private;
		__free_pages(page, 0);
	}
	if (nofs)
		memalloc_nofs_restore(saved);
	pr_info("%d asked, %d refused, %d scanned\\n", asked > 0, refused > 0, asked > refused);
	return 0;
}
static void __exit stop(void) { shrinker_free(shrinker); }
module_init(start);
module_exit(stop);
"""
)


SCRIPT: list[object] = ["insmod", {"call": {"function": "fill", "args": [0]}}, "rmmod"]


def said(nofs: int) -> str:
    script = [SCRIPT[0], {"call": {"function": "fill", "args": [nofs]}}, SCRIPT[2]]
    result = run_driver(SOURCE, "probe.c", script=script, machine=machine())
    assert result.outcome == "ran"
    (text,) = (text for text in texts(result) if "asked" in text)
    return text


def test_a_scope_without_file_system_reaches_the_shrinker() -> None:
    assert said(0) == "1 asked, 0 refused, 1 scanned"
    # kswapd asks as well, with a mask of its own that forbids nothing.
    assert said(1) == "1 asked, 1 refused, 1 scanned"


def test_a_count_below_zero_ends_at_the_limit_of_steps() -> None:
    script = [{"insmod": {"careful": 0}}, *SCRIPT[1:]]
    limits = Limits(steps=2_000_000)
    result = run_driver(SOURCE, "probe.c", script=script, machine=machine(), limits=limits)
    assert result.outcome == "stopped"
    assert "endless-loop" in [report.kind for report in result.reports]
