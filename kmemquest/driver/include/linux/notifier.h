/* Chains of callbacks: who wants to hear of an event enters a block. */
#ifndef _LINUX_NOTIFIER_H
#define _LINUX_NOTIFIER_H
#include <linux/errno.h>
#include <linux/types.h>
#include <linux/spinlock.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>

#define NOTIFY_DONE 0x0000
#define NOTIFY_OK 0x0001
#define NOTIFY_STOP_MASK 0x8000
#define NOTIFY_BAD (NOTIFY_STOP_MASK | 0x0002)
#define NOTIFY_STOP (NOTIFY_OK | NOTIFY_STOP_MASK)

struct notifier_block;
typedef int (*notifier_fn_t)(struct notifier_block *nb, unsigned long action, void *data);

struct notifier_block {
	notifier_fn_t notifier_call;
	struct notifier_block *next;
	int priority;
};

struct raw_notifier_head {
	struct notifier_block *head;
};

struct atomic_notifier_head {
	spinlock_t lock;
	struct notifier_block *head;
};

struct blocking_notifier_head {
	struct mutex rwsem;
	struct notifier_block *head;
};

#define RAW_NOTIFIER_HEAD(name) struct raw_notifier_head name = { .head = NULL }
#define ATOMIC_NOTIFIER_HEAD(name) struct atomic_notifier_head name = { .head = NULL }
#define BLOCKING_NOTIFIER_HEAD(name) struct blocking_notifier_head name = { .head = NULL }
#define RAW_INIT_NOTIFIER_HEAD(name) do { (name)->head = NULL; } while (0)
#define ATOMIC_INIT_NOTIFIER_HEAD(name) do { spin_lock_init(&(name)->lock); (name)->head = NULL; } while (0)
#define BLOCKING_INIT_NOTIFIER_HEAD(name) do { mutex_init(&(name)->rwsem); (name)->head = NULL; } while (0)

static inline int __kmq_notifier_enter(struct notifier_block **at, struct notifier_block *block)
{
	while (*at) {
		if (*at == block)
			return -EEXIST;
		if (block->priority > (*at)->priority)
			break;
		at = &(*at)->next;
	}
	block->next = *at;
	*at = block;
	return 0;
}

static inline int __kmq_notifier_leave(struct notifier_block **at, struct notifier_block *block)
{
	for (; *at; at = &(*at)->next) {
		if (*at == block) {
			*at = block->next;
			return 0;
		}
	}
	return -ENOENT;
}

static inline int __kmq_notifier_tell(struct notifier_block *at, unsigned long action, void *data)
{
	int result = NOTIFY_DONE;

	while (at) {
		struct notifier_block *after = at->next;

		result = at->notifier_call(at, action, data);
		if (result & NOTIFY_STOP_MASK)
			break;
		at = after;
	}
	return result;
}

static inline int raw_notifier_chain_register(struct raw_notifier_head *nh, struct notifier_block *n)
{
	return __kmq_notifier_enter(&nh->head, n);
}

static inline int raw_notifier_chain_unregister(struct raw_notifier_head *nh, struct notifier_block *n)
{
	return __kmq_notifier_leave(&nh->head, n);
}

static inline int raw_notifier_call_chain(struct raw_notifier_head *nh, unsigned long action, void *data)
{
	return __kmq_notifier_tell(nh->head, action, data);
}

static inline int atomic_notifier_chain_register(struct atomic_notifier_head *nh, struct notifier_block *n)
{
	unsigned long flags;
	int result;

	spin_lock_irqsave(&nh->lock, flags);
	result = __kmq_notifier_enter(&nh->head, n);
	spin_unlock_irqrestore(&nh->lock, flags);
	return result;
}

static inline int atomic_notifier_chain_unregister(struct atomic_notifier_head *nh, struct notifier_block *n)
{
	unsigned long flags;
	int result;

	spin_lock_irqsave(&nh->lock, flags);
	result = __kmq_notifier_leave(&nh->head, n);
	spin_unlock_irqrestore(&nh->lock, flags);
	return result;
}

static inline int atomic_notifier_call_chain(struct atomic_notifier_head *nh, unsigned long action, void *data)
{
	int result;

	rcu_read_lock();
	result = __kmq_notifier_tell(nh->head, action, data);
	rcu_read_unlock();
	return result;
}

static inline int blocking_notifier_chain_register(struct blocking_notifier_head *nh, struct notifier_block *n)
{
	int result;

	mutex_lock(&nh->rwsem);
	result = __kmq_notifier_enter(&nh->head, n);
	mutex_unlock(&nh->rwsem);
	return result;
}

static inline int blocking_notifier_chain_unregister(struct blocking_notifier_head *nh, struct notifier_block *n)
{
	int result;

	mutex_lock(&nh->rwsem);
	result = __kmq_notifier_leave(&nh->head, n);
	mutex_unlock(&nh->rwsem);
	return result;
}

static inline int blocking_notifier_call_chain(struct blocking_notifier_head *nh, unsigned long action, void *data)
{
	int result;

	mutex_lock(&nh->rwsem);
	result = __kmq_notifier_tell(nh->head, action, data);
	mutex_unlock(&nh->rwsem);
	return result;
}

#endif
