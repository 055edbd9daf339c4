#ifndef _LINUX_WAIT_H
#define _LINUX_WAIT_H
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/errno.h>
#include <linux/kernel.h>

typedef struct wait_queue_head {
	spinlock_t lock;
	struct list_head head;
} wait_queue_head_t;

#define DECLARE_WAIT_QUEUE_HEAD(name) wait_queue_head_t name = { .head = { &(name).head, &(name).head } }
#define init_waitqueue_head(wq) do { (wq)->lock.val = 0; INIT_LIST_HEAD(&(wq)->head); } while (0)

void wake_up(wait_queue_head_t *wq);
#define wake_up_interruptible(wq) wake_up(wq)
#define wake_up_all(wq) wake_up(wq)

/* One step of waiting: lets time pass and pending work run; 0 when nothing can ever wake us. */
int __kmq_wait_step(void);
#define __kmq_wait(wq, condition) ({ int __wait_ret = 0; (void)&(wq); might_sleep(); \
	while (!(condition)) { if (!__kmq_wait_step()) { __wait_ret = -ERESTARTSYS; break; } } \
	(int)__builtin_expect(__wait_ret, 0); })
#define wait_event(wq, condition) do { (void)__kmq_wait(wq, condition); } while (0)
#define wait_event_interruptible(wq, condition) __kmq_wait(wq, condition)
#define wait_event_timeout(wq, condition, timeout) \
	(__kmq_wait(wq, condition) ? 0L : (long)(timeout))

#endif
