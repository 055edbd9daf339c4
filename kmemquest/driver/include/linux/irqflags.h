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

DEFINE_LOCK_GUARD_0(irq, local_irq_disable(), local_irq_enable())
DEFINE_LOCK_GUARD_0(irqsave, local_irq_save(_T->flags), local_irq_restore(_T->flags),
		    unsigned long flags)

#endif
