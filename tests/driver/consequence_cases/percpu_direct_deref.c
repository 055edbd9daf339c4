static noinline void mistake(void)
{
	int __percpu *p = alloc_percpu(int);
	*(volatile int __force *)p = 1;
	say("returned");
}
