static DECLARE_WAIT_QUEUE_HEAD(wq);
static DEFINE_SPINLOCK(lock);
static noinline void mistake(void)
{
	spin_lock(&lock);
	wait_event_timeout(wq, hide(0), 2);
	spin_unlock(&lock);
}
