static void *vp;
static void handler(struct tasklet_struct *unused) { vfree(vp); say("vfree in softirq"); }
static DECLARE_TASKLET(tl, handler);
static noinline void mistake(void)
{
	vp = vmalloc(8192);
	tasklet_schedule(&tl);
	msleep(50);
}
