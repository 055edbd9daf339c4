#ifndef _LINUX_OF_H
#define _LINUX_OF_H
#include <linux/device.h>
#define of_match_ptr(ptr) NULL
#endif
