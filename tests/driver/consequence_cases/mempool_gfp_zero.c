static noinline void mistake(void)
{
	mempool_t *pool = mempool_create_kmalloc_pool(2, 64);
	void *p = mempool_alloc(pool, GFP_KERNEL | __GFP_ZERO);
	mempool_free(p, pool);
	mempool_destroy(pool);
}
