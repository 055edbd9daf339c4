#ifndef _LINUX_RATELIMIT_TYPES_H
#define _LINUX_RATELIMIT_TYPES_H
#include <linux/types.h>

struct ratelimit_state {
	u32 lock;
	int interval;
	int burst;
	int printed;
	int missed;
	unsigned int flags;
	unsigned long begin;
};

/* Five seconds at 250 ticks a second, ten messages. */
#define DEFAULT_RATELIMIT_INTERVAL (5 * 250)
#define DEFAULT_RATELIMIT_BURST 10
#define RATELIMIT_STATE_DEFAULT { .interval = DEFAULT_RATELIMIT_INTERVAL, .burst = DEFAULT_RATELIMIT_BURST }
#define DEFINE_RATELIMIT_STATE(name, interval_ticks, burst_count) \
	struct ratelimit_state name = { .interval = interval_ticks, .burst = burst_count }

int ___ratelimit(struct ratelimit_state *rs, const char *func);
#define __ratelimit(state) ___ratelimit(state, __func__)

#endif
