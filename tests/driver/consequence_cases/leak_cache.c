static noinline void mistake(void)
{
	struct kmem_cache *c = kmem_cache_create("case_leak", 200, 0, SLAB_NO_MERGE, NULL);
	kmem_cache_alloc(c, GFP_KERNEL);
}
