/* Locks that may be held while sleeping, and whose taking may sleep. */
#ifndef _LINUX_MUTEX_H
#define _LINUX_MUTEX_H
#include <linux/list.h>
#include <linux/spinlock_types.h>
#include <linux/compiler.h>
#include <linux/cleanup.h>

struct mutex {
	atomic_long_t owner;
	raw_spinlock_t wait_lock;
	u32 osq;
	struct list_head wait_list;
};

#define __MUTEX_INITIALIZER(lockname) \
	{ .wait_list = LIST_HEAD_INIT(lockname.wait_list) }
#define DEFINE_MUTEX(mutexname) struct mutex mutexname = __MUTEX_INITIALIZER(mutexname)

void __kmq_mutex_init(struct mutex *lock, const char *name);
void __kmq_mutex_lock(struct mutex *lock, const char *name);
int __must_check __kmq_mutex_lock_interruptible(struct mutex *lock, const char *name);
int __kmq_mutex_trylock(struct mutex *lock, const char *name);
void mutex_unlock(struct mutex *lock);
bool mutex_is_locked(struct mutex *lock);
void mutex_destroy(struct mutex *lock);

#define mutex_init(lock) __kmq_mutex_init(lock, #lock)
#define mutex_lock(lock) __kmq_mutex_lock(lock, #lock)
#define mutex_lock_interruptible(lock) __kmq_mutex_lock_interruptible(lock, #lock)
#define mutex_lock_killable(lock) __kmq_mutex_lock_interruptible(lock, #lock)
#define mutex_trylock(lock) __kmq_mutex_trylock(lock, #lock)

static inline void __kmq_guard_mutex(struct __kmq_guard *g)
{
	if (g->lock)
		mutex_unlock(g->lock);
}

#define __kmq_a_mutex(lock) ({ struct mutex *__mutex = (lock); (void *)__mutex; })
#define class_mutex_t struct __kmq_guard
#define class_mutex_destructor __kmq_guard_mutex
#define class_mutex_lock_ptr __kmq_guard_lock
#define class_mutex_constructor(l) __kmq_guard_of(__kmq_mutex_lock(__guard.lock, #l), __kmq_a_mutex(l))
#define class_mutex_try_t struct __kmq_guard
#define class_mutex_try_destructor __kmq_guard_mutex
#define class_mutex_try_lock_ptr __kmq_guard_lock
#define class_mutex_try_constructor(l) __kmq_guard_of(if (!__kmq_mutex_trylock(__guard.lock, #l)) __guard.lock = NULL, __kmq_a_mutex(l))
#define class_mutex_intr_t struct __kmq_guard
#define class_mutex_intr_destructor __kmq_guard_mutex
#define class_mutex_intr_lock_ptr __kmq_guard_lock
#define class_mutex_intr_constructor(l) __kmq_guard_of(if (__kmq_mutex_lock_interruptible(__guard.lock, #l)) __guard.lock = NULL, __kmq_a_mutex(l))

#endif
