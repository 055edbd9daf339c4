#ifndef _LINUX_SCHED_H
#define _LINUX_SCHED_H
#include <linux/types.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/jiffies.h>

#define TASK_RUNNING 0
#define TASK_INTERRUPTIBLE 1
#define TASK_UNINTERRUPTIBLE 2
#define TASK_COMM_LEN 16
#define PF_WQ_WORKER 0x00000020
#define PF_EXITING 0x00000004
#define PF_MEMALLOC 0x00000800
#define PF_MEMALLOC_NOFS 0x00040000
#define PF_MEMALLOC_NOIO 0x00080000
#define PF_KTHREAD 0x00200000
#define PF_MEMALLOC_PIN 0x10000000
#define MAX_SCHEDULE_TIMEOUT ((long)(~0UL >> 1))

struct task_struct {
	unsigned int __state;
	unsigned int flags;
	pid_t pid;
	pid_t tgid;
	char comm[TASK_COMM_LEN];
	unsigned int fail_nth;
};

struct task_struct *__kmq_current(void);
#define current __kmq_current()

void schedule(void);
long schedule_timeout(long timeout);
long schedule_timeout_interruptible(long timeout);
long schedule_timeout_uninterruptible(long timeout);
int cond_resched(void);
void yield(void);
void __kmq_set_state(unsigned int state);
#define set_current_state(state) __kmq_set_state(state)
#define __set_current_state(state) __kmq_set_state(state)
#define signal_pending(task) ((void)(task), 0)
#define fatal_signal_pending(task) ((void)(task), 0)

#endif
