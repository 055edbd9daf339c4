static DEFINE_SPINLOCK(lock);
static enum hrtimer_restart handler(struct hrtimer *unused) { spin_lock(&lock); spin_unlock(&lock); return HRTIMER_NORESTART; }
static struct hrtimer ht;
static noinline void mistake(void)
{
	spin_lock(&lock);
	spin_unlock(&lock);
	hrtimer_init(&ht, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	ht.function = handler;
	hrtimer_start(&ht, ms_to_ktime(5), HRTIMER_MODE_REL_HARD);
	msleep(50);
}
