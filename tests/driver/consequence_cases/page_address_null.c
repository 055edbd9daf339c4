static noinline void mistake(void)
{
	struct page *p = hide((struct page *)NULL);
	__free_page(p);
	say("returned");
}
