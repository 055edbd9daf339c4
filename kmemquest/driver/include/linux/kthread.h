#ifndef _LINUX_KTHREAD_H
#define _LINUX_KTHREAD_H
#include <linux/err.h>
#include <linux/sched.h>

struct task_struct *kthread_create(int (*threadfn)(void *data), void *data, const char *namefmt, ...) __printf(3, 4);
struct task_struct *kthread_run(int (*threadfn)(void *data), void *data, const char *namefmt, ...) __printf(3, 4);
int wake_up_process(struct task_struct *task);
int kthread_stop(struct task_struct *k);
bool kthread_should_stop(void);

#endif
