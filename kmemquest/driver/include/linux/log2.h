#ifndef _LINUX_LOG2_H
#define _LINUX_LOG2_H
#include <linux/types.h>

int ilog2(u64 n);
bool is_power_of_2(unsigned long n);
unsigned long roundup_pow_of_two(unsigned long n);
unsigned long rounddown_pow_of_two(unsigned long n);
int order_base_2(unsigned long n);

#endif
