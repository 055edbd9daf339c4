static noinline void mistake(void)
{
	int i;
	for (i = 0; i < 3; i++)
		WARN_ON_ONCE(hide(1));
	WARN(hide(1), "value %d\n", 7);
}
