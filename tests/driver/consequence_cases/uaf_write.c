static noinline void mistake(void)
{
	char *p = kmalloc(128, GFP_KERNEL);
	kfree(p);
	((volatile char *)p)[hide(8)] = 1;
}
