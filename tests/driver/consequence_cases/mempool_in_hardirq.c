static mempool_t *pool;
static enum hrtimer_restart handler(struct hrtimer *unused)
{
	void *p = mempool_alloc(pool, GFP_KERNEL);
	mempool_free(p, pool);
	return HRTIMER_NORESTART;
}
static struct hrtimer ht;
static noinline void mistake(void)
{
	pool = mempool_create_kmalloc_pool(2, 64);
	hrtimer_init(&ht, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	ht.function = handler;
	hrtimer_start(&ht, ms_to_ktime(5), HRTIMER_MODE_REL_HARD);
	msleep(50);
	mempool_destroy(pool);
}
