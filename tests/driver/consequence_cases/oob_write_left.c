static noinline void mistake(void)
{
	char *p = kmalloc(64, GFP_KERNEL);
	((volatile char *)p)[hide(-1)] = 1;
	kfree(p);
}
