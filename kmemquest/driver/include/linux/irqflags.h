#ifndef _LINUX_IRQFLAGS_H
#define _LINUX_IRQFLAGS_H
#include <linux/types.h>

unsigned long __kmq_irq_save(void);
void __kmq_irq_restore(unsigned long flags);
void local_irq_disable(void);
void local_irq_enable(void);
bool irqs_disabled(void);

#define local_irq_save(flags) do { flags = __kmq_irq_save(); } while (0)
#define local_irq_restore(flags) __kmq_irq_restore(flags)

#endif
