static noinline void mistake(void)
{
	struct kmem_cache *a = kmem_cache_create("case_a", 200, 0, SLAB_NO_MERGE, NULL);
	struct kmem_cache *b = kmem_cache_create("case_b", 200, 0, SLAB_NO_MERGE, NULL);
	void *p = kmem_cache_alloc(a, GFP_KERNEL);
	kmem_cache_free(b, p);
	kmem_cache_destroy(a); kmem_cache_destroy(b);
}
