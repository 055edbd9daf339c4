static noinline void mistake(void)
{
	char *s = (char *)"constant";
	*(volatile char *)hide(s) = 'C';
	say("returned");
}
