static noinline void mistake(void)
{
	char *p = kmalloc(64, GFP_KERNEL), *q;
	kfree(p);
	q = krealloc(hide(p), 128, GFP_KERNEL);
	say("%s", q ? "ok" : "NULL");
	kfree(q);
}
