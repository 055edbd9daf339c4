static const char text[] = "constant";
static noinline void mistake(void)
{
	*(volatile char *)hide((char *)text) = 'C';
	say("returned");
}
