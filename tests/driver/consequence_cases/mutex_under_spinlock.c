static DEFINE_SPINLOCK(lock);
static DEFINE_MUTEX(m);
static noinline void mistake(void)
{
	spin_lock(&lock);
	mutex_lock(&m);
	mutex_unlock(&m);
	spin_unlock(&lock);
}
