static noinline int deep(int n) { volatile char b[512]; b[0] = n; return n ? deep(n - 1) + b[0] : 0; }
static noinline void mistake(void)
{
	say("%d", deep(hide(1000)));
}
