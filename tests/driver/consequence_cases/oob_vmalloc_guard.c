static noinline void mistake(void)
{
	char *p = vmalloc(4096);
	((volatile char *)p)[hide(4096)] = 1;
	vfree(p);
}
