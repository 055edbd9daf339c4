static noinline void mistake(void)
{
	void *p = ERR_PTR(-ENOMEM);
	kfree(hide(p));
	say("returned");
}
