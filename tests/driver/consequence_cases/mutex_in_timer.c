static DEFINE_MUTEX(m);
static void cb(struct timer_list *t) { mutex_lock(&m); mutex_unlock(&m); say("cb"); }
static DEFINE_TIMER(tm, cb);
static noinline void mistake(void)
{
	mod_timer(&tm, jiffies + 1);
	msleep(50);
}
