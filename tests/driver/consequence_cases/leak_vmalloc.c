static noinline void mistake(void)
{
	vmalloc(20000);
}
