static noinline void mistake(void)
{
	local_irq_disable();
}
