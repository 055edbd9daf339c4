static noinline void mistake(void)
{
	void *p = vmalloc(hide(1ul << 40));
	say("%s", p ? "ok" : "NULL");
	p = vmalloc(0);
	say("%s", p ? "ok" : "NULL");
}
