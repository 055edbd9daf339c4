#include <linux/genalloc.h>
static noinline void mistake(void)
{
	struct gen_pool *g = gen_pool_create(8, -1);
	void *mem = kmalloc(4096, GFP_KERNEL);
	unsigned long a;
	gen_pool_add(g, (unsigned long)mem, 4096, -1);
	a = gen_pool_alloc(g, 64);
	gen_pool_free(g, a, 64);
	gen_pool_free(g, a, 64);
	gen_pool_destroy(g);
	kfree(mem);
}
