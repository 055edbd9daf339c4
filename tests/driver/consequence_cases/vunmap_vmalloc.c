static noinline void mistake(void)
{
	char *p = vmalloc(8192);
	vunmap(hide(p));
	say("returned");
}
