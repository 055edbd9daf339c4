static noinline void mistake(void)
{
	BUG_ON(hide(1));
}
