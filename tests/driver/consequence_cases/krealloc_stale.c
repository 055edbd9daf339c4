static noinline void mistake(void)
{
	char *p = kmalloc(64, GFP_KERNEL), *q = krealloc(p, 256, GFP_KERNEL);
	((volatile char *)p)[hide(8)] = 1;
	kfree(q);
}
