static noinline void mistake(void)
{
	struct page *p = alloc_page(GFP_KERNEL);
	__free_page(p);
	get_page(hide(p));
	say("returned");
}
