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

DEFINE_LOCK_GUARD_1(raw_spinlock, raw_spinlock_t, raw_spin_lock(_T->lock),
		    raw_spin_unlock(_T->lock))
DEFINE_LOCK_GUARD_1(raw_spinlock_irqsave, raw_spinlock_t, raw_spin_lock_irqsave(_T->lock, _T->flags),
		    raw_spin_unlock_irqrestore(_T->lock, _T->flags), unsigned long flags)
DEFINE_LOCK_GUARD_1(spinlock, spinlock_t, spin_lock(_T->lock),
		    spin_unlock(_T->lock))
DEFINE_LOCK_GUARD_1(spinlock_irq, spinlock_t, spin_lock_irq(_T->lock),
		    spin_unlock_irq(_T->lock))
DEFINE_LOCK_GUARD_1(spinlock_bh, spinlock_t, spin_lock_bh(_T->lock),
		    spin_unlock_bh(_T->lock))
DEFINE_LOCK_GUARD_1(spinlock_irqsave, spinlock_t, spin_lock_irqsave(_T->lock, _T->flags),
		    spin_unlock_irqrestore(_T->lock, _T->flags), unsigned long flags)
DEFINE_LOCK_GUARD_1_COND(spinlock, _try, spin_trylock(_T->lock))
DEFINE_LOCK_GUARD_1(read_lock, rwlock_t, read_lock(_T->lock), read_unlock(_T->lock))
DEFINE_LOCK_GUARD_1(write_lock, rwlock_t, write_lock(_T->lock), write_unlock(_T->lock))

#endif
