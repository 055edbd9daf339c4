static noinline void mistake(void)
{
	char *p = vmalloc(8192);
	vfree(p);
	((volatile char *)p)[hide(100)] = 1;
}
