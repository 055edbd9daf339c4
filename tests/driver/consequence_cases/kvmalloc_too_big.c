static noinline void mistake(void)
{
	void *p = kvmalloc(hide((size_t)INT_MAX + 1), GFP_KERNEL);
	say("%s", p ? "ok" : "NULL");
}
