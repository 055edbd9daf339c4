static noinline void mistake(void)
{
	void __iomem *p = ioremap(0xfebf0000, 4096);
	vfree((void __force *)p);
	say("returned");
}
