#include <linux/pagemap.h>
static noinline void mistake(void)
{
	struct page *p = alloc_page(GFP_KERNEL);
	lock_page(p);
	__free_page(p);
}
