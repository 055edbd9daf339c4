/* Failing on purpose: `current->fail_nth` fails the n-th chance of a task, a fault_attr some of all. */
#ifndef _LINUX_FAULT_INJECT_H
#define _LINUX_FAULT_INJECT_H
#include <linux/types.h>
#include <linux/atomic.h>
#include <linux/sched.h>
#include <linux/random.h>
#include <linux/printk.h>

struct fault_attr {
	unsigned long probability;
	unsigned long interval;
	atomic_t times;
	atomic_t space;
	unsigned long verbose;
	bool task_filter;
	unsigned long count;
};

#define FAULT_ATTR_INITIALIZER { .interval = 1, .times = ATOMIC_INIT(1), .verbose = 2 }
#define DECLARE_FAULT_ATTR(name) struct fault_attr name = FAULT_ATTR_INITIALIZER

/* Is it this chance that fails? The conditions in the kernel's order. */
static inline bool should_fail(struct fault_attr *attr, ssize_t size)
{
	bool chosen = false;

	if (current->fail_nth) {
		current->fail_nth--;
		if (current->fail_nth)
			return false;
		chosen = true;
	}
	if (!chosen) {
		if (!attr->probability || !atomic_read(&attr->times))
			return false;
		if (atomic_read(&attr->space) > size) {
			atomic_sub(size, &attr->space);
			return false;
		}
		if (attr->interval > 1) {
			attr->count++;
			if (attr->count % attr->interval)
				return false;
		}
		if (attr->probability <= get_random_u32_below(100))
			return false;
	}
	if (attr->verbose) {
		pr_notice("FAULT_INJECTION: forcing a failure.\n");
		pr_notice("name , interval %lu, probability %lu, space %d, times %d\n", attr->interval,
			  attr->probability, atomic_read(&attr->space), atomic_read(&attr->times));
	}
	if (atomic_read(&attr->times) > 0)
		atomic_dec(&attr->times);
	return true;
}

#endif
