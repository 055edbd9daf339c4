static noinline void mistake(void)
{
	local_irq_disable();
	msleep(5);
	local_irq_enable();
}
