#ifndef _LINUX_KDEV_T_H
#define _LINUX_KDEV_T_H
#include <linux/fs.h>
#endif
