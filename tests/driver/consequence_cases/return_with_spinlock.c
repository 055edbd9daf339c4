static DEFINE_SPINLOCK(lock);
static noinline void mistake(void)
{
	spin_lock(&lock);
}
