#ifndef _LINUX_PREEMPT_H
#define _LINUX_PREEMPT_H
#include <linux/types.h>
#include <linux/cleanup.h>

void preempt_disable(void);
void preempt_enable(void);
int preempt_count(void);
bool __kmq_in_interrupt(void);
bool __kmq_in_hardirq(void);
bool __kmq_in_softirq(void);
bool __kmq_in_nmi(void);

#define in_interrupt() __kmq_in_interrupt()
#define in_hardirq() __kmq_in_hardirq()
#define in_irq() __kmq_in_hardirq()
#define in_softirq() __kmq_in_softirq()
#define in_serving_softirq() __kmq_in_softirq()
#define in_nmi() __kmq_in_nmi()
#define in_task() (!__kmq_in_interrupt())
#define in_atomic() (preempt_count() != 0)
#define preemptible() (preempt_count() == 0 && !irqs_disabled())

static inline void __kmq_guard_preempt(struct __kmq_guard *g)
{
	preempt_enable();
}

#define class_preempt_t struct __kmq_guard
#define class_preempt_destructor __kmq_guard_preempt
#define class_preempt_lock_ptr __kmq_guard_lock
#define class_preempt_constructor() __kmq_guard_of(preempt_disable(), (void *)1)

#endif
