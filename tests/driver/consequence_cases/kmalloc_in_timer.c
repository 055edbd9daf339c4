static void cb(struct timer_list *t) { void *p = kmalloc(64, GFP_KERNEL); kfree(p); say("cb"); }
static DEFINE_TIMER(tm, cb);
static noinline void mistake(void)
{
	mod_timer(&tm, jiffies + 1);
	msleep(50);
}
