// SPDX-License-Identifier: GPL-2.0
/* Faulty: takes more from a pool than it holds, and never gives back: it waits for itself. */
#include <linux/module.h>
#include <linux/mempool.h>
#include <linux/slab.h>

#define RESERVE 2

static mempool_t *pool;
static void *taken[64];
static unsigned int count;

int take(int more);

int take(int more)
{
	while (more-- && count < ARRAY_SIZE(taken)) {
		taken[count] = mempool_alloc(pool, GFP_NOIO);
		count++;
	}
	return count;
}

static int __init pool_init(void)
{
	pool = mempool_create_kmalloc_pool(RESERVE, 1 << 20);
	return pool ? 0 : -ENOMEM;
}

static void __exit pool_exit(void)
{
	while (count--)
		mempool_free(taken[count], pool);
	mempool_destroy(pool);
}

module_init(pool_init);
module_exit(pool_exit);
MODULE_DESCRIPTION("Pool that is emptied");
MODULE_LICENSE("GPL");
