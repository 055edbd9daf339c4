#ifndef _LINUX_SPINLOCK_TYPES_H
#define _LINUX_SPINLOCK_TYPES_H
#include <linux/types.h>

typedef struct spinlock {
	u32 val;
} spinlock_t;

typedef struct raw_spinlock {
	u32 val;
} raw_spinlock_t;

typedef struct {
	u32 cnts;
	u32 wait_lock;
} rwlock_t;

#define __SPIN_LOCK_UNLOCKED(name) { 0 }
#define DEFINE_SPINLOCK(name) spinlock_t name = { 0 }
#define DEFINE_RAW_SPINLOCK(name) raw_spinlock_t name = { 0 }
#define DEFINE_RWLOCK(name) rwlock_t name = { 0, 0 }

#endif
