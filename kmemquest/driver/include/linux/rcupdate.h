#ifndef _LINUX_RCUPDATE_H
#define _LINUX_RCUPDATE_H
#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/cleanup.h>

void rcu_read_lock(void);
void rcu_read_unlock(void);
void synchronize_rcu(void);
void rcu_barrier(void);
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void __kmq_kfree_rcu(void *ptr);

#define rcu_dereference(p) READ_ONCE(p)
#define rcu_dereference_protected(p, c) (p)
#define rcu_access_pointer(p) READ_ONCE(p)
#define rcu_assign_pointer(p, v) WRITE_ONCE(p, v)
#define RCU_INIT_POINTER(p, v) WRITE_ONCE(p, v)
#define rcu_replace_pointer(p, v, c) ({ typeof(p) __rcu_old = (p); rcu_assign_pointer(p, v); __rcu_old; })
/* The place of the head stands for a function's address: it must lie in the first 4096 bytes. */
#define kvfree_rcu(ptr, member) \
	do { \
		BUILD_BUG_ON(offsetof(typeof(*(ptr)), member) >= 4096); \
		__kmq_kfree_rcu(ptr); \
	} while (0)
#define kfree_rcu(ptr, member) kvfree_rcu(ptr, member)
#define kvfree_rcu_mightsleep(ptr) do { synchronize_rcu(); kvfree(ptr); } while (0)
#define kfree_rcu_mightsleep(ptr) kvfree_rcu_mightsleep(ptr)

static inline void __kmq_guard_rcu(struct __kmq_guard *g)
{
	rcu_read_unlock();
}

#define class_rcu_t struct __kmq_guard
#define class_rcu_destructor __kmq_guard_rcu
#define class_rcu_lock_ptr __kmq_guard_lock
#define class_rcu_constructor() __kmq_guard_of(rcu_read_lock(), (void *)1)

#endif
