static noinline void mistake(void)
{
	char buf[16];
	memset(buf, 0, sizeof(buf));
	((volatile char *)buf)[hide(16)] = 1;
	say("%d", buf[0]);
}
