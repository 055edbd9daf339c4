/* Bytes across the border to user space. */
#ifndef _LINUX_UACCESS_H
#define _LINUX_UACCESS_H
#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/errno.h>

unsigned long __must_check copy_to_user(void *to, const void *from, unsigned long n);
unsigned long __must_check copy_from_user(void *to, const void *from, unsigned long n);
unsigned long __must_check clear_user(void *to, unsigned long n);
long strncpy_from_user(char *dst, const char *src, long count);
long strnlen_user(const char *s, long count);
bool access_ok(const void *addr, unsigned long size);

/* Sizes that the compiler knows are checked against the kernel's buffer. */
unsigned long __must_check __kmq_checked_copy_to_user(void *to, const void *from, unsigned long n,
						      unsigned long room, bool fixed);
unsigned long __must_check __kmq_checked_copy_from_user(void *to, const void *from, unsigned long n,
							unsigned long room, bool fixed);
#define __kmq_plain_copy(p, n) \
	(__builtin_object_size(p, 0) == ~0UL && !__builtin_constant_p(n))
#define copy_to_user(to, from, n) \
	__builtin_choose_expr(__kmq_plain_copy(from, n), (copy_to_user)(to, from, n), \
		__kmq_checked_copy_to_user(to, from, n, __builtin_object_size(from, 0), \
					   __builtin_constant_p(n)))
#define copy_from_user(to, from, n) \
	__builtin_choose_expr(__kmq_plain_copy(to, n), (copy_from_user)(to, from, n), \
		__kmq_checked_copy_from_user(to, from, n, __builtin_object_size(to, 0), \
					     __builtin_constant_p(n)))

#define get_user(x, ptr) ({ typeof(*(ptr)) __gu_value = 0; \
	int __gu_error = (copy_from_user)((void *)&__gu_value, (ptr), sizeof(__gu_value)) ? -EFAULT : 0; \
	(x) = __gu_value; __gu_error; })
#define put_user(x, ptr) ({ typeof(*(ptr)) __pu_value = (x); \
	(copy_to_user)((ptr), &__pu_value, sizeof(__pu_value)) ? -EFAULT : 0; })
#define __get_user(x, ptr) get_user(x, ptr)
#define __put_user(x, ptr) put_user(x, ptr)
#define __copy_to_user(to, from, n) copy_to_user(to, from, n)
#define __copy_from_user(to, from, n) copy_from_user(to, from, n)

#endif
