static noinline void mistake(void)
{
	rcu_read_lock();
	msleep(10);
	rcu_read_unlock();
}
