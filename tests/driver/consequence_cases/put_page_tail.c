static noinline void mistake(void)
{
	struct page *p = alloc_pages(GFP_KERNEL, 1);
	put_page(p + 1);
	say("returned");
}
