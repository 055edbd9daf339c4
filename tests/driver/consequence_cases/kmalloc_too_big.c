static noinline void mistake(void)
{
	void *p = kmalloc(hide((size_t)KMALLOC_MAX_SIZE + 1), GFP_KERNEL);
	say("%s", p ? "ok" : "NULL");
}
