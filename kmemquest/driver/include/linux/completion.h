#ifndef _LINUX_COMPLETION_H
#define _LINUX_COMPLETION_H
#include <linux/wait.h>

struct completion {
	unsigned int done;
	struct {
		raw_spinlock_t lock;
		struct list_head task_list;
	} wait;
};

#define DECLARE_COMPLETION(work) \
	struct completion work = { .wait = { .task_list = { &(work).wait.task_list, &(work).wait.task_list } } }
#define DECLARE_COMPLETION_ONSTACK(work) DECLARE_COMPLETION(work)

static inline void init_completion(struct completion *x)
{
	x->done = 0;
	INIT_LIST_HEAD(&x->wait.task_list);
}

static inline void reinit_completion(struct completion *x)
{
	x->done = 0;
}

static inline void complete(struct completion *x)
{
	if (x->done != (unsigned int)-1)
		x->done++;
}

static inline void complete_all(struct completion *x)
{
	x->done = (unsigned int)-1;
}

static inline bool completion_done(struct completion *x)
{
	return x->done != 0;
}

void wait_for_completion(struct completion *x);
int __must_check wait_for_completion_interruptible(struct completion *x);
unsigned long wait_for_completion_timeout(struct completion *x, unsigned long timeout);

#endif
