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

DEFINE_GUARD(mutex, struct mutex *, mutex_lock(_T), mutex_unlock(_T))
DEFINE_GUARD_COND(mutex, _try, mutex_trylock(_T))
DEFINE_GUARD_COND(mutex, _intr, mutex_lock_interruptible(_T) == 0)

#endif
