static char table[10];
static noinline void mistake(void)
{
	((volatile char *)table)[hide(12)] = 1;
}
