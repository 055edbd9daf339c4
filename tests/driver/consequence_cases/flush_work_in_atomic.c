static DEFINE_SPINLOCK(lock);
static void fn(struct work_struct *w) { }
static DECLARE_WORK(w, fn);
static noinline void mistake(void)
{
	schedule_work(&w);
	spin_lock(&lock);
	cancel_work_sync(&w);
	spin_unlock(&lock);
}
