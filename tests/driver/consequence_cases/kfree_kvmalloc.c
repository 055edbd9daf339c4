static noinline void mistake(void)
{
	void *p = kvmalloc(8 << 20, GFP_KERNEL);
	kfree(hide(p));
	say("returned");
}
