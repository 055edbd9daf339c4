static noinline void mistake(void)
{
	char *p = kmalloc(16384, GFP_KERNEL);
	kfree(hide(p + 4096));
}
