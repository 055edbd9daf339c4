static noinline void mistake(void)
{
	char *p = kmalloc(16384, GFP_KERNEL);
	kfree(p);
	((volatile char *)p)[hide(100)] = 1;
}
