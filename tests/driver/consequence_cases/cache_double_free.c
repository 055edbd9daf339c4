static noinline void mistake(void)
{
	struct kmem_cache *c = kmem_cache_create("case_df", 200, 0, SLAB_NO_MERGE, NULL);
	char *p = kmem_cache_alloc(c, GFP_KERNEL);
	kmem_cache_free(c, p);
	kmem_cache_free(c, hide(p));
	kmem_cache_destroy(c);
}
