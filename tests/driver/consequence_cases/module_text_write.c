static noinline int f(int x) { return x + 1; }
static noinline void mistake(void)
{
	*(volatile char *)(void *)f = 0;
	say("returned");
}
