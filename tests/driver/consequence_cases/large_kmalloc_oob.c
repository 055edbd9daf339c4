static noinline void mistake(void)
{
	char *p = kmalloc(10000, GFP_KERNEL);
	((volatile char *)p)[hide(10000)] = 1;
	kfree(p);
}
