/* Failing allocations on purpose: `current->fail_nth` fails the n-th of a task. */
#ifndef _LINUX_FAULT_INJECT_H
#define _LINUX_FAULT_INJECT_H
#include <linux/sched.h>
#endif
