#ifndef _LINUX_IRQFLAGS_H
#define _LINUX_IRQFLAGS_H
#include <linux/types.h>
#include <linux/cleanup.h>

unsigned long __kmq_irq_save(void);
void __kmq_irq_restore(unsigned long flags);
void local_irq_disable(void);
void local_irq_enable(void);
bool irqs_disabled(void);

#define local_irq_save(flags) do { flags = __kmq_irq_save(); } while (0)
#define local_irq_restore(flags) __kmq_irq_restore(flags)

static inline void __kmq_guard_irq(struct __kmq_guard *g)
{
	local_irq_enable();
}

static inline void __kmq_guard_irqsave(struct __kmq_guard *g)
{
	local_irq_restore(g->flags);
}

#define class_irq_t struct __kmq_guard
#define class_irq_destructor __kmq_guard_irq
#define class_irq_lock_ptr __kmq_guard_lock
#define class_irq_constructor() __kmq_guard_of(local_irq_disable(), (void *)1)
#define class_irqsave_t struct __kmq_guard
#define class_irqsave_destructor __kmq_guard_irqsave
#define class_irqsave_lock_ptr __kmq_guard_lock
#define class_irqsave_constructor() __kmq_guard_of(local_irq_save(__guard.flags), (void *)1)

#endif
