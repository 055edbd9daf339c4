static noinline void mistake(void)
{
	say("%s", (char *)hide(16ul));
	say("%s", (char *)hide(0xdead000000000000ul));
}
