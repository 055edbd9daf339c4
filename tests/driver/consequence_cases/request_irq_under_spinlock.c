static DEFINE_SPINLOCK(lock);
static irqreturn_t h(int irq, void *d) { return IRQ_HANDLED; }
static noinline void mistake(void)
{
	int r;
	spin_lock(&lock);
	r = request_irq(11, h, IRQF_SHARED, "ob", &lock);
	spin_unlock(&lock);
	if (!r) free_irq(11, &lock);
}
