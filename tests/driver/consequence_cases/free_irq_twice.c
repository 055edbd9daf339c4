static irqreturn_t h(int irq, void *d) { return IRQ_HANDLED; }
static noinline void mistake(void)
{
	static int cookie;
	int r = request_irq(11, h, IRQF_SHARED, "ob", &cookie);
	say("%d", r);
	free_irq(11, &cookie);
	free_irq(11, &cookie);
}
