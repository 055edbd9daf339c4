static noinline void mistake(void)
{
	void *p = kmalloc(64, hide(GFP_NOWAIT | __GFP_NOFAIL));
	say("%s", p ? "ok" : "NULL");
	kfree(p);
}
