static noinline void mistake(void)
{
	say("%d", 10 / hide(0));
}
