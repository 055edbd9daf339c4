static noinline void mistake(void)
{
	struct kmem_cache *c = kmem_cache_create("case_uaf", 200, 0, SLAB_NO_MERGE, NULL);
	char *p = kmem_cache_alloc(c, GFP_KERNEL);
	kmem_cache_free(c, p);
	say("%d", ((volatile char *)p)[hide(20)]);
	kmem_cache_destroy(c);
}
