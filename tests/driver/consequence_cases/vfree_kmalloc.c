static noinline void mistake(void)
{
	char *p = kmalloc(64, GFP_KERNEL), *q = kmalloc(8192, GFP_KERNEL);
	vfree(hide(p));
	vfree(hide(q));
	say("returned");
}
