static noinline void mistake(void)
{
	void *p = kmalloc(hide((size_t)(5 << 20)), GFP_KERNEL);
	say("%s", p ? "ok" : "NULL");
	p = (void *)__get_free_pages(GFP_KERNEL, hide(get_order(8 << 20)));
	say("%s", p ? "ok" : "NULL");
}
