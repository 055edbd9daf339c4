/* Locks for many readers or one writer, all of whom may sleep. */
#ifndef _LINUX_RWSEM_H
#define _LINUX_RWSEM_H
#include <linux/list.h>
#include <linux/spinlock_types.h>
#include <linux/cleanup.h>
#include <linux/compiler.h>

/* count: readers, or -1 for a writer. */
struct rw_semaphore {
	long count;
	unsigned long owner;
	u32 osq;
	raw_spinlock_t wait_lock;
	struct list_head wait_list;
};

#define __RWSEM_INITIALIZER(name) { .wait_list = LIST_HEAD_INIT((name).wait_list) }
#define DECLARE_RWSEM(name) struct rw_semaphore name = __RWSEM_INITIALIZER(name)

void __kmq_rwsem_init(struct rw_semaphore *sem, const char *name);
void __kmq_down_read(struct rw_semaphore *sem, const char *name);
void __kmq_down_write(struct rw_semaphore *sem, const char *name);
int down_read_trylock(struct rw_semaphore *sem);
int down_write_trylock(struct rw_semaphore *sem);
void up_read(struct rw_semaphore *sem);
void up_write(struct rw_semaphore *sem);
void downgrade_write(struct rw_semaphore *sem);
int rwsem_is_locked(struct rw_semaphore *sem);

#define init_rwsem(sem) __kmq_rwsem_init(sem, #sem)
#define down_read(sem) __kmq_down_read(sem, #sem)
#define down_write(sem) __kmq_down_write(sem, #sem)
#define down_read_interruptible(sem) ({ down_read(sem); (int)__builtin_expect(0, 0); })
#define down_read_killable(sem) ({ down_read(sem); (int)__builtin_expect(0, 0); })
#define down_write_killable(sem) ({ down_write(sem); (int)__builtin_expect(0, 0); })

static inline void __kmq_guard_read(struct __kmq_guard *g)
{
	if (g->lock)
		up_read(g->lock);
}

static inline void __kmq_guard_write(struct __kmq_guard *g)
{
	if (g->lock)
		up_write(g->lock);
}

#define __kmq_a_rwsem(lock) ({ struct rw_semaphore *__sem = (lock); (void *)__sem; })
#define class_rwsem_read_t struct __kmq_guard
#define class_rwsem_read_destructor __kmq_guard_read
#define class_rwsem_read_lock_ptr __kmq_guard_lock
#define class_rwsem_read_constructor(l) __kmq_guard_of(__kmq_down_read(__guard.lock, #l), __kmq_a_rwsem(l))
#define class_rwsem_write_t struct __kmq_guard
#define class_rwsem_write_destructor __kmq_guard_write
#define class_rwsem_write_lock_ptr __kmq_guard_lock
#define class_rwsem_write_constructor(l) __kmq_guard_of(__kmq_down_write(__guard.lock, #l), __kmq_a_rwsem(l))

#endif
