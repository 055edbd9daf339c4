#ifndef _LINUX_SPRINTF_H
#define _LINUX_SPRINTF_H
#include <linux/types.h>
#include <linux/compiler.h>

int sprintf(char *buf, const char *fmt, ...) __printf(2, 3);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
