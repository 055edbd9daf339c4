/* What a loadable module tells about itself. */
#ifndef _LINUX_MODULE_H
#define _LINUX_MODULE_H
#include <linux/types.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/err.h>
#include <linux/string.h>
#include <linux/bug.h>
#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/gfp.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>
#include <linux/moduleparam.h>
#include <linux/completion.h>
#include <linux/wait.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/percpu.h>
/* The kernel's <linux/module.h> drags this one in on x86, by way of the ELF and compat headers. */
#include <uapi/linux/fs.h>

struct module {
	char name[56];
	int state;
	unsigned int refcnt;
};

extern struct module __this_module;
#define THIS_MODULE (&__this_module)

#define MODULE_LICENSE(text) __kmq_modinfo("license=" text)
#define MODULE_AUTHOR(text) __kmq_modinfo("author=" text)
#define MODULE_DESCRIPTION(text) __kmq_modinfo("description=" text)
#define MODULE_VERSION(text) __kmq_modinfo("version=" text)
#define MODULE_ALIAS(text) __kmq_modinfo("alias=" text)
#define MODULE_FIRMWARE(text) __kmq_modinfo("firmware=" text)
#define MODULE_SOFTDEP(text) __kmq_modinfo("softdep=" text)
#define MODULE_IMPORT_NS(ns) __kmq_modinfo("import_ns=" #ns)
#define MODULE_INFO(tag, text) __kmq_modinfo(#tag "=" text)
#define MODULE_DEVICE_TABLE(type, name) __kmq_modinfo("alias=" #type ":" #name)

#ifdef MODULE
#define module_init(fn) \
	static int (*const __kmq_init)(void) __attribute__((section(".kmq.init"), used)) = fn
#define module_exit(fn) \
	static void (*const __kmq_exit)(void) __attribute__((section(".kmq.exit"), used)) = fn
#else
#define module_init(fn) device_initcall(fn)
#define module_exit(fn) \
	static void (*const __kmq_exit)(void) __attribute__((section(".kmq.exit"), used)) = fn
#endif

#define module_driver(name, register_fn, unregister_fn) \
	static int __init name##_init(void) { return register_fn(&(name)); } \
	module_init(name##_init); \
	static void __exit name##_exit(void) { unregister_fn(&(name)); } \
	module_exit(name##_exit)

bool try_module_get(struct module *module);
void module_put(struct module *module);

#endif
