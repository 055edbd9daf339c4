static void *a;
static noinline void mistake(void)
{
	a = kmalloc(300, GFP_KERNEL);
	kmemleak_not_leak(a);
	a = NULL;
}
