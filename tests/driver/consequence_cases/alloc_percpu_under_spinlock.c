static DEFINE_SPINLOCK(lock);
static noinline void mistake(void)
{
	int __percpu *p;
	spin_lock(&lock);
	p = alloc_percpu(int);
	spin_unlock(&lock);
	free_percpu(p);
}
