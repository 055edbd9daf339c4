static noinline void mistake(void)
{
	char *p = kmalloc(64, GFP_KERNEL);
	kfree_sensitive(p);
	kfree_sensitive(hide(p));
}
