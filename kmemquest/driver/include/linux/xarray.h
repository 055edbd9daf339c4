/* Sparse arrays of pointers. Their nodes of 576 bytes come from the cache radix_tree_node. */
#ifndef _LINUX_XARRAY_H
#define _LINUX_XARRAY_H
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/limits.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct xarray {
	spinlock_t xa_lock;
	gfp_t xa_flags;
	void __rcu *xa_head;
};

struct xa_limit {
	u32 max;
	u32 min;
};

typedef unsigned int xa_mark_t;

#define XA_MARK_0 0U
#define XA_MARK_1 1U
#define XA_MARK_2 2U
#define XA_PRESENT 8U
#define XA_MARK_MAX XA_MARK_2
#define XA_FREE_MARK XA_MARK_0

#define __KMQ_XA_MARK(mark) ((gfp_t)1 << (27 + (mark)))
#define XA_FLAGS_LOCK_IRQ ((gfp_t)1)
#define XA_FLAGS_LOCK_BH ((gfp_t)2)
#define XA_FLAGS_TRACK_FREE ((gfp_t)4)
#define XA_FLAGS_ZERO_BUSY ((gfp_t)8)
#define XA_FLAGS_ALLOC_WRAPPED ((gfp_t)16)
#define XA_FLAGS_ACCOUNT ((gfp_t)32)
#define XA_FLAGS_ALLOC (XA_FLAGS_TRACK_FREE | __KMQ_XA_MARK(XA_FREE_MARK))
#define XA_FLAGS_ALLOC1 (XA_FLAGS_ALLOC | XA_FLAGS_ZERO_BUSY)

#define XA_LIMIT(_min, _max) (struct xa_limit) { .min = (_min), .max = (_max) }
#define xa_limit_32b XA_LIMIT(0, UINT_MAX)
#define xa_limit_31b XA_LIMIT(0, INT_MAX)
#define xa_limit_16b XA_LIMIT(0, 0xffff)

#define XARRAY_INIT(name, flags) { .xa_flags = (flags) }
#define DEFINE_XARRAY_FLAGS(name, flags) struct xarray name = XARRAY_INIT(name, flags)
#define DEFINE_XARRAY(name) DEFINE_XARRAY_FLAGS(name, 0)
#define DEFINE_XARRAY_ALLOC(name) DEFINE_XARRAY_FLAGS(name, XA_FLAGS_ALLOC)
#define DEFINE_XARRAY_ALLOC1(name) DEFINE_XARRAY_FLAGS(name, XA_FLAGS_ALLOC1)

/* An entry is a pointer, or (odd) a number, or (..10 in the lowest bits) the array's own matter. */
static inline void *xa_mk_value(unsigned long v)
{
	return (void *)(v << 1 | 1);
}

static inline unsigned long xa_to_value(const void *entry)
{
	return (unsigned long)entry >> 1;
}

static inline bool xa_is_value(const void *entry)
{
	return (unsigned long)entry & 1;
}

#define XA_ERROR(errno) ((void *)(((unsigned long)(errno) << 2) | 2))

static inline bool xa_is_err(const void *entry)
{
	return ((unsigned long)entry & 3) == 2 &&
	       (unsigned long)entry >= (unsigned long)XA_ERROR(-MAX_ERRNO);
}

static inline int xa_err(void *entry)
{
	return xa_is_err(entry) ? (int)((long)entry >> 2) : 0;
}

static inline void xa_init_flags(struct xarray *xa, gfp_t flags)
{
	spin_lock_init(&xa->xa_lock);
	xa->xa_flags = flags;
	xa->xa_head = NULL;
}

static inline void xa_init(struct xarray *xa)
{
	xa_init_flags(xa, 0);
}

static inline bool xa_empty(const struct xarray *xa)
{
	return xa->xa_head == NULL;
}

static inline bool xa_marked(const struct xarray *xa, xa_mark_t mark)
{
	return xa->xa_flags & __KMQ_XA_MARK(mark);
}

#define xa_trylock(xa) spin_trylock(&(xa)->xa_lock)
#define xa_lock(xa) spin_lock(&(xa)->xa_lock)
#define xa_unlock(xa) spin_unlock(&(xa)->xa_lock)
#define xa_lock_bh(xa) spin_lock_bh(&(xa)->xa_lock)
#define xa_unlock_bh(xa) spin_unlock_bh(&(xa)->xa_lock)
#define xa_lock_irq(xa) spin_lock_irq(&(xa)->xa_lock)
#define xa_unlock_irq(xa) spin_unlock_irq(&(xa)->xa_lock)
#define xa_lock_irqsave(xa, flags) spin_lock_irqsave(&(xa)->xa_lock, flags)
#define xa_unlock_irqrestore(xa, flags) spin_unlock_irqrestore(&(xa)->xa_lock, flags)

void *xa_load(struct xarray *xa, unsigned long index);
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max, xa_mark_t filter);
void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max, xa_mark_t filter);
bool xa_get_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
void xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
void xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
void xa_destroy(struct xarray *xa);

/* Words, not pointers: NULL tells of an empty place, not of a failure. `locking`: the letter. */
unsigned long __kmq_xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp,
			     char locking);
unsigned long __kmq_xa_cmpxchg(struct xarray *xa, unsigned long index, void *old, void *entry,
			       gfp_t gfp, char locking);
unsigned long __kmq_xa_erase(struct xarray *xa, unsigned long index, char locking);
int __kmq_xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp, char locking);
int __kmq_xa_alloc(struct xarray *xa, u32 *id, void *entry, u32 min, u32 max, gfp_t gfp,
		   char locking);
int __kmq_xa_alloc_cyclic(struct xarray *xa, u32 *id, void *entry, u32 min, u32 max, u32 *next,
			  gfp_t gfp, char locking);

/* 'h'eld by the caller already, 'p'lain, 'b'h, 'i'rq. */
#define __KMQ_XA_FAMILY(prefix, suffix, letter) \
static inline void *prefix##xa_store##suffix(struct xarray *xa, unsigned long index, \
					     void *entry, gfp_t gfp) \
{ return (void *)__kmq_xa_store(xa, index, entry, gfp, letter); } \
static inline void *prefix##xa_cmpxchg##suffix(struct xarray *xa, unsigned long index, void *old, \
					       void *entry, gfp_t gfp) \
{ return (void *)__kmq_xa_cmpxchg(xa, index, old, entry, gfp, letter); } \
static inline void *prefix##xa_erase##suffix(struct xarray *xa, unsigned long index) \
{ return (void *)__kmq_xa_erase(xa, index, letter); } \
static inline int __must_check prefix##xa_insert##suffix(struct xarray *xa, unsigned long index, \
							 void *entry, gfp_t gfp) \
{ return __kmq_xa_insert(xa, index, entry, gfp, letter); } \
static inline int __must_check prefix##xa_alloc##suffix(struct xarray *xa, u32 *id, void *entry, \
							struct xa_limit limit, gfp_t gfp) \
{ return __kmq_xa_alloc(xa, id, entry, limit.min, limit.max, gfp, letter); } \
static inline int prefix##xa_alloc_cyclic##suffix(struct xarray *xa, u32 *id, void *entry, \
						  struct xa_limit limit, u32 *next, gfp_t gfp) \
{ return __kmq_xa_alloc_cyclic(xa, id, entry, limit.min, limit.max, next, gfp, letter); }

__KMQ_XA_FAMILY(__, , 'h')
__KMQ_XA_FAMILY(, _bh, 'b')
__KMQ_XA_FAMILY(, _irq, 'i')

static inline void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	return (void *)__kmq_xa_store(xa, index, entry, gfp, 'p');
}

static inline void *xa_cmpxchg(struct xarray *xa, unsigned long index, void *old, void *entry,
			       gfp_t gfp)
{
	return (void *)__kmq_xa_cmpxchg(xa, index, old, entry, gfp, 'p');
}

static inline void *xa_erase(struct xarray *xa, unsigned long index)
{
	return (void *)__kmq_xa_erase(xa, index, 'p');
}

static inline int __must_check xa_insert(struct xarray *xa, unsigned long index, void *entry,
					 gfp_t gfp)
{
	return __kmq_xa_insert(xa, index, entry, gfp, 'p');
}

static inline int __must_check xa_alloc(struct xarray *xa, u32 *id, void *entry,
					struct xa_limit limit, gfp_t gfp)
{
	return __kmq_xa_alloc(xa, id, entry, limit.min, limit.max, gfp, 'p');
}

static inline int xa_alloc_cyclic(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit,
				  u32 *next, gfp_t gfp)
{
	return __kmq_xa_alloc_cyclic(xa, id, entry, limit.min, limit.max, next, gfp, 'p');
}

/* A reserved place is busy, and reads as NULL. */
#define __KMQ_XA_ZERO ((void *)1030UL)

static inline int __must_check xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp)
{
	return xa_err(xa_cmpxchg(xa, index, NULL, __KMQ_XA_ZERO, gfp));
}

static inline void xa_release(struct xarray *xa, unsigned long index)
{
	xa_cmpxchg(xa, index, __KMQ_XA_ZERO, NULL, 0);
}

#define __kmq_xa_each(xa, index, entry, first, last, filter) \
	for ((index) = (first), (entry) = xa_find(xa, &(index), last, filter); (entry) != NULL; \
	     (entry) = xa_find_after(xa, &(index), last, filter))
#define xa_for_each_range(xa, index, entry, start, last) \
	__kmq_xa_each(xa, index, entry, start, last, XA_PRESENT)
#define xa_for_each_start(xa, index, entry, start) \
	__kmq_xa_each(xa, index, entry, start, ULONG_MAX, XA_PRESENT)
#define xa_for_each(xa, index, entry) __kmq_xa_each(xa, index, entry, 0, ULONG_MAX, XA_PRESENT)
#define xa_for_each_marked(xa, index, entry, filter) \
	__kmq_xa_each(xa, index, entry, 0, ULONG_MAX, filter)

#endif
