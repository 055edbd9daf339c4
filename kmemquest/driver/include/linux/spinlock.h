/* Spinning locks: whoever holds one must not sleep. The extra argument is the lock's name. */
#ifndef _LINUX_SPINLOCK_H
#define _LINUX_SPINLOCK_H
#include <linux/spinlock_types.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/bottom_half.h>
#include <linux/compiler.h>
#include <asm/barrier.h>
#include <linux/cleanup.h>

void __kmq_spin_lock_init(void *lock, const char *name);
void __kmq_spin_lock(void *lock, const char *name);
void __kmq_spin_lock_bh(void *lock, const char *name);
void __kmq_spin_lock_irq(void *lock, const char *name);
unsigned long __kmq_spin_lock_irqsave(void *lock, const char *name);
int __kmq_spin_trylock(void *lock, const char *name);
void __kmq_spin_unlock(void *lock);
void __kmq_spin_unlock_bh(void *lock);
void __kmq_spin_unlock_irq(void *lock);
void __kmq_spin_unlock_irqrestore(void *lock, unsigned long flags);
int __kmq_spin_is_locked(const void *lock);

/* Accept a spinlock_t pointer only, as the kernel's inline functions do. */
#define __kmq_spin(lock) ({ spinlock_t *__spin = (lock); (void *)__spin; })
#define __kmq_raw(lock) ({ raw_spinlock_t *__spin = (lock); (void *)__spin; })
#define __kmq_rw(lock) ({ rwlock_t *__spin = (lock); (void *)__spin; })

#define spin_lock_init(lock) __kmq_spin_lock_init(__kmq_spin(lock), #lock)
#define spin_lock(lock) __kmq_spin_lock(__kmq_spin(lock), #lock)
#define spin_lock_bh(lock) __kmq_spin_lock_bh(__kmq_spin(lock), #lock)
#define spin_lock_irq(lock) __kmq_spin_lock_irq(__kmq_spin(lock), #lock)
#define spin_lock_irqsave(lock, flags) \
	do { flags = __kmq_spin_lock_irqsave(__kmq_spin(lock), #lock); } while (0)
#define spin_trylock(lock) __kmq_spin_trylock(__kmq_spin(lock), #lock)
#define spin_unlock(lock) __kmq_spin_unlock(__kmq_spin(lock))
#define spin_unlock_bh(lock) __kmq_spin_unlock_bh(__kmq_spin(lock))
#define spin_unlock_irq(lock) __kmq_spin_unlock_irq(__kmq_spin(lock))
#define spin_unlock_irqrestore(lock, flags) __kmq_spin_unlock_irqrestore(__kmq_spin(lock), flags)
#define spin_is_locked(lock) __kmq_spin_is_locked(__kmq_spin(lock))
#define assert_spin_locked(lock) do { (void)(lock); } while (0)

#define raw_spin_lock_init(lock) __kmq_spin_lock_init(__kmq_raw(lock), #lock)
#define raw_spin_lock(lock) __kmq_spin_lock(__kmq_raw(lock), #lock)
#define raw_spin_lock_irqsave(lock, flags) \
	do { flags = __kmq_spin_lock_irqsave(__kmq_raw(lock), #lock); } while (0)
#define raw_spin_unlock(lock) __kmq_spin_unlock(__kmq_raw(lock))
#define raw_spin_unlock_irqrestore(lock, flags) __kmq_spin_unlock_irqrestore(__kmq_raw(lock), flags)

#define rwlock_init(lock) __kmq_spin_lock_init(__kmq_rw(lock), #lock)
#define read_lock(lock) __kmq_spin_lock(__kmq_rw(lock), #lock)
#define read_unlock(lock) __kmq_spin_unlock(__kmq_rw(lock))
#define write_lock(lock) __kmq_spin_lock(__kmq_rw(lock), #lock)
#define write_unlock(lock) __kmq_spin_unlock(__kmq_rw(lock))
#define write_lock_irqsave(lock, flags) \
	do { flags = __kmq_spin_lock_irqsave(__kmq_rw(lock), #lock); } while (0)
#define write_unlock_irqrestore(lock, flags) __kmq_spin_unlock_irqrestore(__kmq_rw(lock), flags)

static inline void __kmq_guard_spin(struct __kmq_guard *g)
{
	if (g->lock)
		__kmq_spin_unlock(g->lock);
}

static inline void __kmq_guard_spin_bh(struct __kmq_guard *g)
{
	if (g->lock)
		__kmq_spin_unlock_bh(g->lock);
}

static inline void __kmq_guard_spin_irq(struct __kmq_guard *g)
{
	if (g->lock)
		__kmq_spin_unlock_irq(g->lock);
}

static inline void __kmq_guard_spin_irqsave(struct __kmq_guard *g)
{
	if (g->lock)
		__kmq_spin_unlock_irqrestore(g->lock, g->flags);
}

#define class_raw_spinlock_t struct __kmq_guard
#define class_raw_spinlock_destructor __kmq_guard_spin
#define class_raw_spinlock_lock_ptr __kmq_guard_lock
#define class_raw_spinlock_constructor(l) __kmq_guard_of(__kmq_spin_lock(__guard.lock, #l), __kmq_raw(l))
#define class_raw_spinlock_irq_t struct __kmq_guard
#define class_raw_spinlock_irq_destructor __kmq_guard_spin_irq
#define class_raw_spinlock_irq_lock_ptr __kmq_guard_lock
#define class_raw_spinlock_irq_constructor(l) __kmq_guard_of(__kmq_spin_lock_irq(__guard.lock, #l), __kmq_raw(l))
#define class_raw_spinlock_irqsave_t struct __kmq_guard
#define class_raw_spinlock_irqsave_destructor __kmq_guard_spin_irqsave
#define class_raw_spinlock_irqsave_lock_ptr __kmq_guard_lock
#define class_raw_spinlock_irqsave_constructor(l) __kmq_guard_of(__guard.flags = __kmq_spin_lock_irqsave(__guard.lock, #l), __kmq_raw(l))
#define class_spinlock_t struct __kmq_guard
#define class_spinlock_destructor __kmq_guard_spin
#define class_spinlock_lock_ptr __kmq_guard_lock
#define class_spinlock_constructor(l) __kmq_guard_of(__kmq_spin_lock(__guard.lock, #l), __kmq_spin(l))
#define class_spinlock_bh_t struct __kmq_guard
#define class_spinlock_bh_destructor __kmq_guard_spin_bh
#define class_spinlock_bh_lock_ptr __kmq_guard_lock
#define class_spinlock_bh_constructor(l) __kmq_guard_of(__kmq_spin_lock_bh(__guard.lock, #l), __kmq_spin(l))
#define class_spinlock_irq_t struct __kmq_guard
#define class_spinlock_irq_destructor __kmq_guard_spin_irq
#define class_spinlock_irq_lock_ptr __kmq_guard_lock
#define class_spinlock_irq_constructor(l) __kmq_guard_of(__kmq_spin_lock_irq(__guard.lock, #l), __kmq_spin(l))
#define class_spinlock_irqsave_t struct __kmq_guard
#define class_spinlock_irqsave_destructor __kmq_guard_spin_irqsave
#define class_spinlock_irqsave_lock_ptr __kmq_guard_lock
#define class_spinlock_irqsave_constructor(l) __kmq_guard_of(__guard.flags = __kmq_spin_lock_irqsave(__guard.lock, #l), __kmq_spin(l))
#define class_spinlock_try_t struct __kmq_guard
#define class_spinlock_try_destructor __kmq_guard_spin
#define class_spinlock_try_lock_ptr __kmq_guard_lock
#define class_spinlock_try_constructor(l) __kmq_guard_of(if (!__kmq_spin_trylock(__guard.lock, #l)) __guard.lock = NULL, __kmq_spin(l))
#define class_read_lock_t struct __kmq_guard
#define class_read_lock_destructor __kmq_guard_spin
#define class_read_lock_lock_ptr __kmq_guard_lock
#define class_read_lock_constructor(l) __kmq_guard_of(__kmq_spin_lock(__guard.lock, #l), __kmq_rw(l))
#define class_write_lock_t struct __kmq_guard
#define class_write_lock_destructor __kmq_guard_spin
#define class_write_lock_lock_ptr __kmq_guard_lock
#define class_write_lock_constructor(l) __kmq_guard_of(__kmq_spin_lock(__guard.lock, #l), __kmq_rw(l))

#endif
