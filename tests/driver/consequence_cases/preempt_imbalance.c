static noinline void mistake(void)
{
	preempt_disable();
}
