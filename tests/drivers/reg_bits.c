// SPDX-License-Identifier: GPL-2.0
/* Registers as bit-fields and as masks: both must say the same. */
#include <linux/module.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/types.h>

union mac_control {
	struct {
		u32 enable : 1;
		u32 duplex : 1;
		u32 speed : 2;
		u32 : 4;
		u32 pause : 8;
		s32 offset : 6;
		u32 reserved : 10;
	};
	u32 raw;
};

struct mac_address {
	u64 station : 40;
	u64 vendor : 24;
};

struct mac_time {
	s64 nanoseconds : 48;
	u64 domain : 12;
	u64 valid : 1;
};

#define MAC_PAUSE GENMASK(15, 8)
#define MAC_SPEED GENMASK(3, 2)

static_assert(sizeof(union mac_control) == 4);
static_assert(sizeof(struct mac_address) == 8);

static int check(const char *what, u64 got, u64 expected)
{
	if (got == expected)
		return 0;
	pr_err("mac: %s is %#llx, expected %#llx\n", what, got, expected);
	return 1;
}

static int __init mac_init(void)
{
	union mac_control c = { .enable = 1, .speed = 2, .pause = 0xa5, .offset = -3 };
	struct mac_address a = { .station = 0x12345678abULL, .vendor = 0x00c0ff };
	struct mac_time t = { .nanoseconds = -1, .domain = 0xfff, .valid = 1 };
	int wrong = 0;

	wrong += check("control", c.raw, 0x3da509);
	wrong += check("pause", (c.raw & MAC_PAUSE) >> 8, c.pause);
	wrong += check("speed", (c.raw & MAC_SPEED) >> 2, c.speed);
	wrong += check("offset", (u64)(c.offset * 2), (u64)-6);
	c.pause += 0x5b; /* wraps in eight bits */
	wrong += check("wrapped pause", c.pause, 0);
	/* A bit-field wider than int keeps its width: what is shifted out of 40 bits is gone. */
	wrong += check("shifted station", a.station << 8, 0x345678ab00ULL);
	wrong += check("widened station", (u64)a.station << 8, 0x12345678ab00ULL);
	a.station = ~0ULL;
	wrong += check("next station", a.station + 1, 0);
	wrong += check("vendor", a.vendor, 0xc0ff);
	wrong += check("time", (u64)(t.nanoseconds - 1), (u64)-2);
	t.domain++;
	wrong += check("domain", t.domain, 0);
	wrong += check("valid", t.valid, 1);
	return wrong ? -EINVAL : 0;
}

static void __exit mac_exit(void)
{
}

module_init(mac_init);
module_exit(mac_exit);
MODULE_DESCRIPTION("Registers as bit-fields");
MODULE_LICENSE("GPL");
