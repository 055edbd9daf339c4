static DEFINE_SPINLOCK(lock);
static int th(void *d) { while (!kthread_should_stop()) msleep(10); return 0; }
static noinline void mistake(void)
{
	struct task_struct *t = kthread_run(th, NULL, "ob");
	spin_lock(&lock);
	kthread_stop(t);
	spin_unlock(&lock);
}
