#include <linux/highmem.h>
static noinline void mistake(void)
{
	struct page *p = alloc_page(GFP_KERNEL);
	char *a = kmap_local_page(p);
	__free_page(p);
	((volatile char *)a)[hide(4)] = 1;
	kunmap_local(a);
}
