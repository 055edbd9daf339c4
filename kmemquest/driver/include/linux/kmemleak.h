#ifndef _LINUX_KMEMLEAK_H
#define _LINUX_KMEMLEAK_H
#include <linux/types.h>
#include <linux/gfp.h>

void kmemleak_not_leak(const void *ptr);
void kmemleak_ignore(const void *ptr);
void kmemleak_no_scan(const void *ptr);
void kmemleak_free(const void *ptr);
void kmemleak_alloc(const void *ptr, size_t size, int min_count, gfp_t gfp);
#endif
