static noinline void mistake(void)
{
	char *p = (char *)__get_free_page(GFP_KERNEL);
	free_page((unsigned long)p);
	((volatile char *)p)[hide(100)] = 1;
}
