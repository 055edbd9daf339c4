static noinline void mistake(void)
{
	void *p = kvmalloc(64 << 20, GFP_ATOMIC | __GFP_NOWARN);
	say("%s", p ? "ok" : "NULL");
	kvfree(p);
}
