#ifndef _LINUX_EXPORT_H
#define _LINUX_EXPORT_H
#include <linux/init.h>

#define EXPORT_SYMBOL(symbol) __kmq_modinfo("kmq_export=" #symbol)
#define EXPORT_SYMBOL_GPL(symbol) __kmq_modinfo("kmq_export=" #symbol)

#endif
