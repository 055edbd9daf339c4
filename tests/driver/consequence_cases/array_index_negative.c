static noinline void mistake(void)
{
	int *p = kcalloc(8, sizeof(int), GFP_KERNEL);
	p[hide(-3)] = 1;
	kfree(p);
}
