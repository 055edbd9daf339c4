static noinline int probe(void)
{
	char *a = kmalloc(300, GFP_KERNEL), *b;
	if (!a) return -ENOMEM;
	b = kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN);
	if (!b) return -ENOMEM;
	kfree(b); kfree(a);
	return 0;
}
static noinline void mistake(void) { say("%d", probe()); }
