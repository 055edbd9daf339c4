static noinline void mistake(void)
{
	char *p = vmalloc(4096);
	free_pages((unsigned long)p, 0);
	say("returned");
}
