static noinline void mistake(void)
{
	char *p = vmalloc(16384);
	vfree(hide(p + 4096));
	say("returned");
}
