static noinline void mistake(void)
{
	char *p = kzalloc(64, GFP_KERNEL);
	say("%d", ((volatile char *)p)[hide(64)]);
	kfree(p);
}
