static noinline void mistake(void)
{
	int __percpu *p = alloc_percpu(int);
	say("%s", p ? "ok" : "NULL");
}
