static noinline void mistake(void)
{
	struct page *p = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	__free_pages(hide(p + 1), 0);
	say("returned");
}
