static noinline void mistake(void)
{
	struct page *p = alloc_page(GFP_KERNEL);
	p->mapping = (void *)0x1000;
	__free_page(p);
	say("returned");
}
