#ifndef _LINUX_ATOMIC_H
#define _LINUX_ATOMIC_H
#include <linux/types.h>
#include <linux/compiler.h>
#include <asm/barrier.h>

#define ATOMIC_INIT(i) { (i) }
#define ATOMIC64_INIT(i) { (i) }
#define ATOMIC_LONG_INIT(i) { (i) }

/* Plain reads and writes: nothing runs between two statements unless a scenario says so. */
#define __KMQ_ATOMIC(prefix, type, value_t) \
static inline value_t prefix##_read(const type *v) { return v->counter; } \
static inline void prefix##_set(type *v, value_t i) { v->counter = i; } \
static inline void prefix##_add(value_t i, type *v) { v->counter += i; } \
static inline void prefix##_sub(value_t i, type *v) { v->counter -= i; } \
static inline void prefix##_inc(type *v) { v->counter += 1; } \
static inline void prefix##_dec(type *v) { v->counter -= 1; } \
static inline value_t prefix##_add_return(value_t i, type *v) { return v->counter += i; } \
static inline value_t prefix##_sub_return(value_t i, type *v) { return v->counter -= i; } \
static inline value_t prefix##_inc_return(type *v) { return v->counter += 1; } \
static inline value_t prefix##_dec_return(type *v) { return v->counter -= 1; } \
static inline value_t prefix##_fetch_add(value_t i, type *v) { value_t old = v->counter; v->counter = old + i; return old; } \
static inline bool prefix##_dec_and_test(type *v) { return (v->counter -= 1) == 0; } \
static inline bool prefix##_inc_and_test(type *v) { return (v->counter += 1) == 0; } \
static inline bool prefix##_sub_and_test(value_t i, type *v) { return (v->counter -= i) == 0; } \
static inline value_t prefix##_xchg(type *v, value_t n) { value_t old = v->counter; v->counter = n; return old; } \
static inline value_t prefix##_cmpxchg(type *v, value_t o, value_t n) { value_t old = v->counter; if (old == o) v->counter = n; return old; } \
static inline bool prefix##_inc_not_zero(type *v) { if (!v->counter) return 0; v->counter += 1; return 1; } \
static inline bool prefix##_add_unless(type *v, value_t a, value_t u) { if (v->counter == u) return 0; v->counter += a; return 1; }

__KMQ_ATOMIC(atomic, atomic_t, int)
__KMQ_ATOMIC(atomic64, atomic64_t, s64)
__KMQ_ATOMIC(atomic_long, atomic_long_t, long)

#define xchg(ptr, v) ({ typeof(*(ptr)) __xchg_old = *(ptr); *(ptr) = (v); __xchg_old; })
#define cmpxchg(ptr, o, n) ({ typeof(*(ptr)) __cx_old = *(ptr); if (__cx_old == (o)) *(ptr) = (n); __cx_old; })

#endif
