static noinline void mistake(void)
{
	__get_free_pages(GFP_KERNEL, 3);
}
