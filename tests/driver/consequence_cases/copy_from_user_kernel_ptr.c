static noinline void mistake(void)
{
	char *p = kmalloc(64, GFP_KERNEL), *q = kmalloc(64, GFP_KERNEL);
	say("left %lu", copy_from_user(p, (void __user *)q, 64));
	kfree(p); kfree(q);
}
