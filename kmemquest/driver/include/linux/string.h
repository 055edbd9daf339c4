/* Memory and string functions; all of them go through the checked memory of the machine. */
#ifndef _LINUX_STRING_H
#define _LINUX_STRING_H
#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/stdarg.h>
#include <linux/array_size.h>

void *memset(void *s, int c, size_t count);
void *memset32(u32 *s, u32 v, size_t count);
void *memcpy(void *dest, const void *src, size_t count);
void *memmove(void *dest, const void *src, size_t count);
int memcmp(const void *cs, const void *ct, size_t count);
void *memchr(const void *s, int c, size_t n);
void *memchr_inv(const void *s, int c, size_t n);
void *memscan(void *addr, int c, size_t size);
void memzero_explicit(void *s, size_t count);
bool mem_is_zero(const void *s, size_t n);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t count);
char *strcpy(char *dest, const char *src);
char *strncpy(char *dest, const char *src, size_t count);
ssize_t __kmq_strscpy(char *dest, const char *src, size_t count);
ssize_t strscpy_pad(char *dest, const char *src, size_t count);
size_t strlcat(char *dest, const char *src, size_t count);
char *strcat(char *dest, const char *src);
int strcmp(const char *cs, const char *ct);
int strncmp(const char *cs, const char *ct, size_t count);
int strcasecmp(const char *s1, const char *s2);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strnchr(const char *s, size_t count, int c);
char *strstr(const char *s1, const char *s2);
char *strim(char *s);
bool sysfs_streq(const char *s1, const char *s2);

/* The size may be left out when the destination is an array. */
#define __kmq_strscpy2(dest, src) __kmq_strscpy(dest, src, sizeof(dest))
#define __kmq_strscpy3(dest, src, size) __kmq_strscpy(dest, src, size)
#define __kmq_pick4(a, b, c, name, ...) name
#define strscpy(...) __kmq_pick4(__VA_ARGS__, __kmq_strscpy3, __kmq_strscpy2)(__VA_ARGS__)

char *kstrdup(const char *s, gfp_t gfp);
char *kstrndup(const char *s, size_t len, gfp_t gfp);
const char *kstrdup_const(const char *s, gfp_t gfp);
void kfree_const(const void *x);
void *kmemdup(const void *src, size_t len, gfp_t gfp) __alloc_size(2);
void *kvmemdup(const void *src, size_t len, gfp_t gfp) __alloc_size(2);
char *kmemdup_nul(const char *s, size_t len, gfp_t gfp);
void *kmemdup_array(const void *src, size_t count, size_t element_size, gfp_t gfp);
char *kvasprintf(gfp_t gfp, const char *fmt, va_list args);
char *kasprintf(gfp_t gfp, const char *fmt, ...) __printf(2, 3);
void *memdup_user(const void *src, size_t len);
void *vmemdup_user(const void *src, size_t len);
void *memdup_user_nul(const void *src, size_t len);
char *strndup_user(const char *s, long n);

/* FORTIFY_SOURCE: what the compiler knows of both buffers is checked at run time. `all` is what is
 * left of the object, `field` of the member that is named; ~0UL is not known. */
void *__kmq_fortified_memset(void *s, int c, size_t count, size_t all, size_t field,
			     const char *name);
void *__kmq_fortified_memcpy(void *dest, const void *src, size_t count, size_t all, size_t field,
			     size_t readable, const char *name);
void *__kmq_fortified_memmove(void *dest, const void *src, size_t count, size_t all, size_t field,
			      size_t readable, const char *name);
char *__kmq_fortified_strcpy(char *dest, const char *src, size_t room);
char *__kmq_fortified_strcat(char *dest, const char *src, size_t room);
char *__kmq_fortified_strncpy(char *dest, const char *src, size_t count, size_t room);
size_t __kmq_fortified_strlen(const char *s, size_t room);

#define __kmq_all(p) __builtin_dynamic_object_size(p, 0)
#define __kmq_field(p) __builtin_dynamic_object_size(p, 1)
#define __kmq_fortify(known, plain, fortified) __builtin_choose_expr(known, fortified, plain)
#define memset(s, c, count) \
	__kmq_fortify(__kmq_size_known(s), memset(s, c, count), \
		      __kmq_fortified_memset(s, c, count, __kmq_all(s), __kmq_field(s), #s))
#define memcpy(dest, src, count) \
	__kmq_fortify(__kmq_size_known(dest) || __kmq_size_known(src), memcpy(dest, src, count), \
		      __kmq_fortified_memcpy(dest, src, count, __kmq_all(dest), __kmq_field(dest), \
					     __kmq_all(src), #dest))
#define memmove(dest, src, count) \
	__kmq_fortify(__kmq_size_known(dest) || __kmq_size_known(src), memmove(dest, src, count), \
		      __kmq_fortified_memmove(dest, src, count, __kmq_all(dest), __kmq_field(dest), \
					      __kmq_all(src), #dest))
#define strcpy(dest, src) \
	__kmq_fortify(__kmq_size_known(dest), strcpy(dest, src), \
		      __kmq_fortified_strcpy(dest, src, __kmq_field(dest)))
#define strcat(dest, src) \
	__kmq_fortify(__kmq_size_known(dest), strcat(dest, src), \
		      __kmq_fortified_strcat(dest, src, __kmq_field(dest)))
#define strncpy(dest, src, count) \
	__kmq_fortify(__kmq_size_known(dest), strncpy(dest, src, count), \
		      __kmq_fortified_strncpy(dest, src, count, __kmq_field(dest)))
#define strlen(s) \
	__kmq_fortify(__kmq_size_known(s), strlen(s), __kmq_fortified_strlen(s, __kmq_field(s)))

#define str_yes_no(v) ((v) ? "yes" : "no")
#define str_on_off(v) ((v) ? "on" : "off")

#endif
