static noinline void mistake(void)
{
	unsigned long flags;
	local_irq_save(flags);
	kfree(kmalloc(64, GFP_KERNEL));
	local_irq_restore(flags);
}
