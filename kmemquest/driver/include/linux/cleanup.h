/* Cleanup that belongs to a scope: __free(), guard(), scoped_guard(). Never mix them with goto. */
#ifndef _LINUX_CLEANUP_H
#define _LINUX_CLEANUP_H
#include <linux/compiler.h>

/* DEFINE_FREE(name, type, code): what __free(name) runs at the end of the scope, _T the variable. */
#define DEFINE_FREE(name, type, code) \
	static inline void __free_##name(void *place) { type _T = *(type *)place; code; }
#define __free(name) __cleanup(__free_##name)

#define __get_and_null(variable, empty) ({ \
	__auto_type __place = &(variable); \
	__auto_type __kept = *__place; \
	*__place = empty; \
	__kept; })

static inline __must_check const volatile void *__must_check_fn(const volatile void *kept)
{
	return kept;
}

/* Hand the pointer on and disarm the cleanup. */
#define no_free_ptr(variable) \
	((typeof(variable))__must_check_fn((const volatile void *)__get_and_null(variable, NULL)))
#define return_ptr(variable) return no_free_ptr(variable)

/* A class: a type with a constructor and a destructor that runs at the end of the scope. */
#define DEFINE_CLASS(name, type, exit_code, init_code, init_args...) \
	typedef type class_##name##_t; \
	static inline void class_##name##_destructor(type *place) { type _T = *place; exit_code; } \
	static inline type class_##name##_constructor(init_args) { type t = init_code; return t; }

#define EXTEND_CLASS(name, ext, init_code, init_args...) \
	typedef class_##name##_t class_##name##ext##_t; \
	static inline void class_##name##ext##_destructor(class_##name##_t *place) \
	{ class_##name##_destructor(place); } \
	static inline class_##name##_t class_##name##ext##_constructor(init_args) \
	{ class_##name##_t t = init_code; return t; }

#define CLASS(name, variable) \
	class_##name##_t variable __cleanup(class_##name##_destructor) = class_##name##_constructor

/*
 * Guards of the kernel's own locks are macros over this one type, cheap for those who use none:
 * class_NAME_t, class_NAME_constructor(), class_NAME_destructor, class_NAME_lock_ptr().
 */
struct __kmq_guard {
	void *lock;
	unsigned long flags;
};
#define __kmq_guard_of(taken, guarded) \
	({ struct __kmq_guard __guard = { .lock = guarded }; taken; __guard; })
#define __kmq_guard_lock(place) ((place)->lock)

/* Guards: classes that hold a lock. */
#define DEFINE_GUARD(name, type, lock_code, unlock_code) \
	DEFINE_CLASS(name, type, if (_T) { unlock_code; }, ({ lock_code; _T; }), type _T) \
	static inline void *class_##name##_lock_ptr(class_##name##_t *place) \
	{ return (void *)*place; }

#define DEFINE_GUARD_COND(name, ext, condition) \
	EXTEND_CLASS(name, ext, ({ void *_t = _T; if (_T && !(condition)) _t = NULL; _t; }), \
		     class_##name##_t _T) \
	static inline void *class_##name##ext##_lock_ptr(class_##name##_t *place) \
	{ return class_##name##_lock_ptr(place); }

#define guard(name) CLASS(name, __UNIQUE_ID(guard))
#define __guard_ptr(name) class_##name##_lock_ptr

/* Loops of one turn; a conditional guard that did not get its lock makes none. */
#define scoped_guard(name, args...) \
	for (CLASS(name, __held)(args), *__once = __guard_ptr(name)(&__held); __once; __once = NULL)

#define scoped_cond_guard(name, fail, args...) \
	for (CLASS(name, __held)(args), *__once = (void *)1; __once; __once = NULL) \
		if (!__guard_ptr(name)(&__held)) \
			fail; \
		else

/* Lock guards that remember more than the lock: flags, or nothing at all. */
#define __DEFINE_UNLOCK_GUARD(name, type, unlock_code, members...) \
	typedef struct { type *lock; members; } class_##name##_t; \
	static inline void class_##name##_destructor(class_##name##_t *_T) \
	{ if (_T->lock) { unlock_code; } } \
	static inline void *class_##name##_lock_ptr(class_##name##_t *_T) { return _T->lock; }

#define DEFINE_LOCK_GUARD_1(name, type, lock_code, unlock_code, members...) \
	__DEFINE_UNLOCK_GUARD(name, type, unlock_code, members) \
	static inline class_##name##_t class_##name##_constructor(type *l) \
	{ class_##name##_t _t = { .lock = l }, *_T = &_t; lock_code; return _t; }

#define DEFINE_LOCK_GUARD_0(name, lock_code, unlock_code, members...) \
	__DEFINE_UNLOCK_GUARD(name, void, unlock_code, members) \
	static inline class_##name##_t class_##name##_constructor(void) \
	{ class_##name##_t _t = { .lock = (void *)1 }, *_T = &_t; lock_code; return _t; }

#define DEFINE_LOCK_GUARD_1_COND(name, ext, condition) \
	EXTEND_CLASS(name, ext, \
		     ({ class_##name##_t _t = { .lock = l }, *_T = &_t; \
			if (_T->lock && !(condition)) _T->lock = NULL; _t; }), \
		     typeof(((class_##name##_t *)0)->lock) l) \
	static inline void *class_##name##ext##_lock_ptr(class_##name##_t *place) \
	{ return class_##name##_lock_ptr(place); }

#endif
