static int run(void) { return 3; }
static noinline void mistake(void)
{
	char *p = vmalloc(4096);
	int (*f)(void) = (void *)p;
	memcpy(p, (void *)run, 16);
	say("%d", f());
}
