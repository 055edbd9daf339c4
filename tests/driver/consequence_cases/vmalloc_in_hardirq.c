static enum hrtimer_restart handler(struct hrtimer *unused)
{
	void *p = vmalloc(8192);
	vfree(p);
	return HRTIMER_NORESTART;
}
static struct hrtimer ht;
static noinline void mistake(void)
{
	hrtimer_init(&ht, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	ht.function = handler;
	hrtimer_start(&ht, ms_to_ktime(5), HRTIMER_MODE_REL_HARD);
	msleep(50);
}
