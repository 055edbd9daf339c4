static noinline void mistake(void)
{
	char *a = kmalloc(64, GFP_KERNEL), *b = kmalloc(64, GFP_KERNEL), *x, *y;

	kfree(a); kfree(b); kfree(hide(a));
	x = kmalloc(64, GFP_KERNEL); y = kmalloc(64, GFP_KERNEL);
	say("%d", x == kmalloc(64, GFP_KERNEL));
	(void)y;
}
