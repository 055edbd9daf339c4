#ifndef _LINUX_KERNEL_H
#define _LINUX_KERNEL_H
#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/stddef.h>
#include <linux/limits.h>
#include <linux/array_size.h>
#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/container_of.h>
#include <linux/kstrtox.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sprintf.h>
#include <asm/byteorder.h>

void might_sleep(void);
#define might_sleep_if(condition) do { if (condition) might_sleep(); } while (0)
#define might_fault() might_sleep()

#define upper_32_bits(n) ((u32)(((n) >> 16) >> 16))
#define lower_32_bits(n) ((u32)((n) & 0xffffffff))
#define upper_16_bits(n) ((u16)((n) >> 16))
#define lower_16_bits(n) ((u16)((n) & 0xffff))
#define PTR_IF(condition, ptr) ((condition) ? (ptr) : NULL)
#define u64_to_user_ptr(x) ((void *)(unsigned long)(x))
#define typecheck(type, x) 1

#define READ 0
#define WRITE 1

void panic(const char *fmt, ...) __printf(1, 2);

#endif
