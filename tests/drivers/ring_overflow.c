// SPDX-License-Identifier: GPL-2.0
/* Faulty: the ring's wrap is tested one entry too late. */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#define ENTRIES 16

struct entry {
	u32 tag;
	u32 value;
};

struct ring {
	struct entry *entries;
	unsigned int next;
};

static struct ring ring;
static struct entry *neighbour;

int ring_push(u32 value);

int ring_push(u32 value)
{
	struct entry *e;

	if (ring.next > ENTRIES) /* should be >= */
		ring.next = 0;
	e = &ring.entries[ring.next++];
	e->tag = 0x52494e47;
	e->value = value;
	return ring.next;
}

static int __init ring_init(void)
{
	ring.entries = kcalloc(ENTRIES, sizeof(*ring.entries), GFP_KERNEL);
	if (!ring.entries)
		return -ENOMEM;
	neighbour = kcalloc(ENTRIES, sizeof(*neighbour), GFP_KERNEL);
	if (!neighbour) {
		kfree(ring.entries);
		return -ENOMEM;
	}
	return 0;
}

static void __exit ring_exit(void)
{
	kfree(neighbour);
	kfree(ring.entries);
}

module_init(ring_init);
module_exit(ring_exit);
MODULE_DESCRIPTION("Ring with one entry too many");
MODULE_LICENSE("GPL");
