#ifndef _LINUX_KMEMLEAK_H
#define _LINUX_KMEMLEAK_H
#include <linux/types.h>
#define kmemleak_not_leak(ptr) do { (void)(ptr); } while (0)
#define kmemleak_ignore(ptr) do { (void)(ptr); } while (0)
#endif
