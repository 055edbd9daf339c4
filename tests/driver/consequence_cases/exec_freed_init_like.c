static noinline void mistake(void)
{
	char *p = kzalloc(64, GFP_KERNEL);
	int (*f)(void) = (void *)p;
	say("%d", f());
}
