"""Elements of a mempool that go back another way than they came: the memory is free."""

from __future__ import annotations

import pytest

from kmemquest.driver.run import run_driver
from tests.driver.kernel_module import HEAD, machine

FRAME = """
static mempool_t *pool;
static struct kmem_cache *cache;
static void *own_take(gfp_t gfp, void *data) { return kmalloc(64, gfp); }
static void own_give(void *element, void *data) { kfree(element); }
static int __init start(void)
{
	void *element = NULL;
	(void)own_take; (void)own_give; (void)cache; (void)element;
	%s
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
	return 0;
}
static void __exit stop(void) { }
module_init(start);
module_exit(stop);
"""
CREATE = {
    "kmalloc": "pool = mempool_create_kmalloc_pool(2, 200);",
    "slab": 'cache = kmem_cache_create("probes", 96, 0, 0, NULL);'
    " pool = mempool_create_slab_pool(2, cache);",
    "page": "pool = mempool_create_page_pool(2, 1);",
    "own": "pool = mempool_create(2, own_take, own_give, NULL);",
}
TAKE = "element = mempool_alloc(pool, GFP_KERNEL);"


def held_after(body: str) -> list[tuple[str, str]]:
    result = run_driver(HEAD + FRAME % body, "probe.c", machine=machine())
    assert result.outcome == "ran", [str(item) for item in result.diagnostics]
    return [(report.kind, report.detail) for report in result.reports]


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("kmalloc", "kfree(element);"),
        ("kmalloc", "kvfree(element);"),
        ("kmalloc", "mempool_free(element, pool);"),
        ("slab", "kmem_cache_free(cache, element);"),
        ("slab", "kfree(element);"),
        ("page", "__free_pages(element, 1);"),
        ("page", "free_pages((unsigned long)page_address(element), 1);"),
        ("page", "mempool_free(element, pool);"),
        ("own", "kfree(element);"),
        ("own", "mempool_free(element, pool);"),
    ],
)
def test_whatever_the_way_back_nothing_is_lost(kind: str, way: str) -> None:
    assert held_after(CREATE[kind] + TAKE + way) == []


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("kmalloc", "kmalloc(200, GFP_KERNEL)"),
        ("slab", "kmem_cache_alloc(cache, GFP_KERNEL)"),
        ("page", "alloc_pages(GFP_KERNEL | __GFP_COMP, 1)"),
    ],
)
def test_what_the_backend_gave_directly_may_go_into_the_pool(kind: str, source: str) -> None:
    body = f"{CREATE[kind]} element = {source}; mempool_free(element, pool);"
    assert held_after(body) == []


@pytest.mark.parametrize(("kind", "size"), [("kmalloc", 200), ("page", 8192), ("slab", 96)])
def test_a_forgotten_element_is_one_leak_with_its_size(kind: str, size: int) -> None:
    found = held_after(CREATE[kind] + TAKE)
    assert ("leak", f"mempool-element: {size} bytes from mempool_alloc()") in found
    assert len([kind for kind, _ in found if kind == "leak"]) == 1


def test_a_forgotten_element_of_the_drivers_own_is_one_leak() -> None:
    assert held_after(CREATE["own"] + TAKE) == [("leak", "kmalloc: 64 bytes from kmalloc()")]
