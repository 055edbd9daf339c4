/* Sections of code and data that live only while the kernel starts, or a module loads. */
#ifndef _LINUX_INIT_H
#define _LINUX_INIT_H
#include <linux/compiler.h>
#include <linux/types.h>

#define __init __attribute__((section(".init.text")))
#define __initdata __attribute__((section(".init.data")))
#define __initconst __attribute__((section(".init.rodata")))
#define __exit __attribute__((section(".exit.text")))
#define __exitdata __attribute__((section(".exit.data")))
#define __meminit
#define __meminitdata
#define __refdata
#define __ref
#ifdef MODULE
#define __exit_p(x) x
#else
#define __exit_p(x) NULL
#endif

typedef int (*initcall_t)(void);
typedef void (*exitcall_t)(void);

#define __kmq_join2(a, b) a##b
#define __kmq_join(a, b) __kmq_join2(a, b)
#define __kmq_modinfo(text) static const char __kmq_join(__kmq_info_, __COUNTER__)[] \
	__attribute__((section(".modinfo"), used)) = text
#define __kmq_initcall(level, fn) static int (*const __kmq_join(__kmq_call_, __COUNTER__))(void) \
	__attribute__((section(".kmq.initcall." level), used)) = fn

#define early_initcall(fn) __kmq_initcall("early", fn)
#define pure_initcall(fn) __kmq_initcall("0", fn)
#define core_initcall(fn) __kmq_initcall("1", fn)
#define postcore_initcall(fn) __kmq_initcall("2", fn)
#define arch_initcall(fn) __kmq_initcall("3", fn)
#define subsys_initcall(fn) __kmq_initcall("4", fn)
#define fs_initcall(fn) __kmq_initcall("5", fn)
#define device_initcall(fn) __kmq_initcall("6", fn)
#define late_initcall(fn) __kmq_initcall("7", fn)
#define __initcall(fn) device_initcall(fn)

#define early_param(word, fn) static int (*const __kmq_join(__kmq_setup_, __COUNTER__))(char *) \
	__attribute__((section(".kmq.setup"), used)) = fn
#define __setup(word, fn) early_param(word, fn)

#endif
