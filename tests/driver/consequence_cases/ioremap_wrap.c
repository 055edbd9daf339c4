static noinline void mistake(void)
{
	void __iomem *p = ioremap(0xfebf0000, hide((size_t)0));
	say("%s", p ? "ok" : "NULL");
	p = ioremap(hide((resource_size_t)-4096), 8192);
	say("%s", p ? "ok" : "NULL");
}
