/* Rings of elements of one type. One writer and one reader need no lock; more of either do. */
#ifndef _LINUX_KFIFO_H
#define _LINUX_KFIFO_H
#include <linux/array_size.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <asm/barrier.h>

/* in and out only grow, and wrap at 2^32: the ring's size is a power of two, mask is one less. */
struct __kfifo {
	unsigned int in;
	unsigned int out;
	unsigned int mask;
	unsigned int esize;
	void *data;
};

int __must_check __kfifo_alloc(struct __kfifo *fifo, unsigned int size, size_t esize, gfp_t gfp);
int __kfifo_init(struct __kfifo *fifo, void *buffer, unsigned int size, size_t esize);
void __kfifo_free(struct __kfifo *fifo);
unsigned int __kfifo_in(struct __kfifo *fifo, const void *from, unsigned int count);
unsigned int __kfifo_out(struct __kfifo *fifo, void *to, unsigned int count);
unsigned int __kfifo_out_peek(struct __kfifo *fifo, void *to, unsigned int count);
int __kfifo_from_user(struct __kfifo *fifo, const void *from, unsigned long bytes,
		      unsigned int *copied);
int __kfifo_to_user(struct __kfifo *fifo, void *to, unsigned long bytes, unsigned int *copied);

/* A ring holds its elements itself, or (with no room of its own) points to them. */
#define __KMQ_KFIFO(type, room) { struct __kfifo kfifo; type buf[room]; }
#define __KMQ_KFIFO_ROOM(size) (((size) < 2 || ((size) & ((size) - 1))) ? -1 : (size))
#define STRUCT_KFIFO(type, size) struct __KMQ_KFIFO(type, __KMQ_KFIFO_ROOM(size))
#define STRUCT_KFIFO_PTR(type) struct __KMQ_KFIFO(type, 0)

struct kfifo __KMQ_KFIFO(unsigned char, 0);

#define DECLARE_KFIFO(fifo, type, size) STRUCT_KFIFO(type, size) fifo
#define DECLARE_KFIFO_PTR(fifo, type) STRUCT_KFIFO_PTR(type) fifo
#define DEFINE_KFIFO(fifo, type, size) DECLARE_KFIFO(fifo, type, size) = { \
	.kfifo = { .mask = (size) - 1, .esize = sizeof(type), .data = fifo.buf } }

#define __kmq_kfifo_type(fifo) typeof((fifo)->buf[0])
#define __kmq_kfifo_own(fifo) (sizeof((fifo)->buf) != 0)

#define INIT_KFIFO(fifo) do { \
	typeof(&(fifo)) __f = &(fifo); \
	_Static_assert(sizeof((fifo).buf) != 0, "INIT_KFIFO() is for rings with room of their own"); \
	__f->kfifo.in = __f->kfifo.out = 0; \
	__f->kfifo.mask = ARRAY_SIZE(__f->buf) - 1; \
	__f->kfifo.esize = sizeof(*__f->buf); \
	__f->kfifo.data = __f->buf; \
} while (0)

static inline unsigned int __must_check __kfifo_uint_must_check_helper(unsigned int val)
{
	return val;
}

static inline int __must_check __kfifo_int_must_check_helper(int val)
{
	return val;
}

#define kfifo_initialized(fifo) ((fifo)->kfifo.mask != 0)
#define kfifo_esize(fifo) ((fifo)->kfifo.esize)
#define kfifo_recsize(fifo) 0
#define kfifo_size(fifo) ((fifo)->kfifo.mask + 1)
#define kfifo_len(fifo) ({ \
	typeof((fifo) + 1) __len_f = (fifo); __len_f->kfifo.in - __len_f->kfifo.out; })
#define kfifo_avail(fifo) __kfifo_uint_must_check_helper(({ \
	typeof((fifo) + 1) __av_f = (fifo); kfifo_size(__av_f) - kfifo_len(__av_f); }))
#define kfifo_is_empty(fifo) ({ \
	typeof((fifo) + 1) __em_f = (fifo); __em_f->kfifo.in == __em_f->kfifo.out; })
#define kfifo_is_full(fifo) ({ \
	typeof((fifo) + 1) __fu_f = (fifo); kfifo_len(__fu_f) > __fu_f->kfifo.mask; })
#define kfifo_reset(fifo) do { \
	typeof((fifo) + 1) __re_f = (fifo); __re_f->kfifo.in = __re_f->kfifo.out = 0; } while (0)
#define kfifo_reset_out(fifo) do { \
	typeof((fifo) + 1) __ro_f = (fifo); __ro_f->kfifo.out = __ro_f->kfifo.in; } while (0)
#define kfifo_skip(fifo) ((void)(fifo)->kfifo.out++)
#define kfifo_skip_count(fifo, count) ((void)((fifo)->kfifo.out += (count)))
#define kfifo_peek_len(fifo) (kfifo_is_empty(fifo) ? 0 : kfifo_esize(fifo))

#define kfifo_alloc(fifo, size, gfp_mask) __kfifo_int_must_check_helper(({ \
	typeof((fifo) + 1) __al_f = (fifo); \
	__kmq_kfifo_own(__al_f) ? -EINVAL : \
		__kfifo_alloc(&__al_f->kfifo, size, sizeof(*__al_f->buf), gfp_mask); }))
#define kfifo_init(fifo, buffer, size) ({ \
	typeof((fifo) + 1) __in_f = (fifo); \
	__kmq_kfifo_own(__in_f) ? -EINVAL : \
		__kfifo_init(&__in_f->kfifo, buffer, size, sizeof(*__in_f->buf)); })
#define kfifo_free(fifo) do { \
	typeof((fifo) + 1) __fr_f = (fifo); \
	if (!__kmq_kfifo_own(__fr_f)) \
		__kfifo_free(&__fr_f->kfifo); } while (0)

/* Where element number n lies. */
#define __kmq_kfifo_at(fifo, n) \
	(&(__kmq_kfifo_own(fifo) ? (fifo)->buf : (__kmq_kfifo_type(fifo) *)(fifo)->kfifo.data) \
		[(n) & (fifo)->kfifo.mask])

#define kfifo_put(fifo, val) ({ \
	typeof((fifo) + 1) __pu_f = (fifo); \
	__kmq_kfifo_type(__pu_f) __pu_v = (val); \
	unsigned int __pu_done = !kfifo_is_full(__pu_f); \
	if (__pu_done) { \
		*__kmq_kfifo_at(__pu_f, __pu_f->kfifo.in) = __pu_v; \
		smp_wmb(); \
		__pu_f->kfifo.in++; \
	} \
	__pu_done; })
#define kfifo_peek(fifo, val) __kfifo_uint_must_check_helper(({ \
	typeof((fifo) + 1) __pe_f = (fifo); \
	__kmq_kfifo_type(__pe_f) *__pe_v = (val); \
	unsigned int __pe_done = !kfifo_is_empty(__pe_f); \
	if (__pe_done) { \
		*__pe_v = *__kmq_kfifo_at(__pe_f, __pe_f->kfifo.out); \
		smp_wmb(); \
	} \
	__pe_done; }))
#define kfifo_get(fifo, val) __kfifo_uint_must_check_helper(({ \
	typeof((fifo) + 1) __ge_f = (fifo); \
	__kmq_kfifo_type(__ge_f) *__ge_v = (val); \
	unsigned int __ge_done = !kfifo_is_empty(__ge_f); \
	if (__ge_done) { \
		*__ge_v = *__kmq_kfifo_at(__ge_f, __ge_f->kfifo.out); \
		smp_wmb(); \
		__ge_f->kfifo.out++; \
	} \
	__ge_done; }))

/* Many elements at once; what does not fit, or is not there, is left. Counted in elements. */
#define kfifo_in(fifo, from, n) ({ \
	typeof((fifo) + 1) __ki_f = (fifo); \
	const __kmq_kfifo_type(__ki_f) *__ki_b = (from); \
	__kfifo_in(&__ki_f->kfifo, __ki_b, n); })
#define __kmq_kfifo_out(fifo, to, n, function) __kfifo_uint_must_check_helper(({ \
	typeof((fifo) + 1) __ko_f = (fifo); \
	__kmq_kfifo_type(__ko_f) *__ko_b = (to); \
	function(&__ko_f->kfifo, __ko_b, n); }))
#define kfifo_out(fifo, to, n) __kmq_kfifo_out(fifo, to, n, __kfifo_out)
#define kfifo_out_peek(fifo, to, n) __kmq_kfifo_out(fifo, to, n, __kfifo_out_peek)

#define kfifo_in_spinlocked(fifo, from, n, lock) ({ \
	unsigned long __is_flags; \
	spin_lock_irqsave(lock, __is_flags); \
	unsigned int __is_n = kfifo_in(fifo, from, n); \
	spin_unlock_irqrestore(lock, __is_flags); \
	__is_n; })
#define kfifo_in_spinlocked_noirqsave(fifo, from, n, lock) ({ \
	spin_lock(lock); \
	unsigned int __is_n = kfifo_in(fifo, from, n); \
	spin_unlock(lock); \
	__is_n; })
#define kfifo_out_spinlocked(fifo, to, n, lock) __kfifo_uint_must_check_helper(({ \
	unsigned long __os_flags; \
	spin_lock_irqsave(lock, __os_flags); \
	unsigned int __os_n = kfifo_out(fifo, to, n); \
	spin_unlock_irqrestore(lock, __os_flags); \
	__os_n; }))
#define kfifo_out_spinlocked_noirqsave(fifo, to, n, lock) __kfifo_uint_must_check_helper(({ \
	spin_lock(lock); \
	unsigned int __os_n = kfifo_out(fifo, to, n); \
	spin_unlock(lock); \
	__os_n; }))
#define kfifo_in_locked(fifo, from, n, lock) kfifo_in_spinlocked(fifo, from, n, lock)
#define kfifo_out_locked(fifo, to, n, lock) kfifo_out_spinlocked(fifo, to, n, lock)
#define kfifo_is_empty_spinlocked(fifo, lock) ({ \
	unsigned long __es_flags; \
	spin_lock_irqsave(lock, __es_flags); \
	bool __es_empty = kfifo_is_empty(fifo); \
	spin_unlock_irqrestore(lock, __es_flags); \
	__es_empty; })
#define kfifo_is_empty_spinlocked_noirqsave(fifo, lock) ({ \
	spin_lock(lock); \
	bool __es_empty = kfifo_is_empty(fifo); \
	spin_unlock(lock); \
	__es_empty; })

/* Counted in bytes; *copied tells how many went, the result is 0 or -EFAULT. */
#define kfifo_from_user(fifo, from, len, copied) __kfifo_int_must_check_helper(({ \
	typeof((fifo) + 1) __fu_u = (fifo); \
	__kfifo_from_user(&__fu_u->kfifo, from, len, copied); }))
#define kfifo_to_user(fifo, to, len, copied) __kfifo_int_must_check_helper(({ \
	typeof((fifo) + 1) __tu_u = (fifo); \
	__kfifo_to_user(&__tu_u->kfifo, to, len, copied); }))

#endif
