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

/*
 * One step of waiting: sleeps until the queue is woken up; 0 when the wait is over without that.
 * An end of 0 is none.
 */
int __kmq_wait_step(wait_queue_head_t *wq, u64 end, int interruptible);
u64 __kmq_wait_end(unsigned long timeout);
long __kmq_wait_left(u64 end);
#define __kmq_wait(wq, condition, end, interruptible) ({ int __wait_ret = 0; might_sleep(); \
	while (!(condition)) { \
		if (!__kmq_wait_step(&(wq), end, interruptible)) { __wait_ret = -ERESTARTSYS; break; } } \
	(int)__builtin_expect(__wait_ret, 0); })
#define __kmq_wait_for(wq, condition, timeout, interruptible) ({ u64 __end = __kmq_wait_end(timeout); \
	__kmq_wait(wq, condition, __end, interruptible) ? 0L : __kmq_wait_left(__end); })
#define wait_event(wq, condition) do { (void)__kmq_wait(wq, condition, 0, 0); } while (0)
#define wait_event_interruptible(wq, condition) __kmq_wait(wq, condition, 0, 1)
#define wait_event_killable(wq, condition) __kmq_wait(wq, condition, 0, 0)
#define wait_event_timeout(wq, condition, timeout) __kmq_wait_for(wq, condition, timeout, 0)
#define wait_event_interruptible_timeout(wq, condition, timeout) \
	__kmq_wait_for(wq, condition, timeout, 1)

#endif
