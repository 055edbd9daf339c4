static noinline void mistake(void)
{
	struct page *p = alloc_pages(GFP_KERNEL, 3);
	__free_pages(p, hide(1));
	say("returned");
}
