static noinline void mistake(void)
{
	char *p = kmalloc(100, GFP_KERNEL);
	size_t n = ksize(p);
	((volatile char *)p)[hide(n) - 1] = 1;
	kfree(p);
}
