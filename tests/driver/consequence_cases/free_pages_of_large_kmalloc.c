static noinline void mistake(void)
{
	char *p = kmalloc(16384, GFP_KERNEL);
	free_pages((unsigned long)p, 2);
	say("returned");
}
