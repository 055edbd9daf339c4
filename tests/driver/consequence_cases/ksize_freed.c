static noinline void mistake(void)
{
	char *p = kmalloc(64, GFP_KERNEL);
	kfree(p);
	say("%zu", ksize(hide(p)));
}
