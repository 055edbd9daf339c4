static noinline void mistake(void)
{
	void *p = kmalloc(4096, GFP_KERNEL);
	iounmap((void __iomem *)p);
	kfree(p);
	say("returned");
}
