// SPDX-License-Identifier: GPL-2.0
/* Objects that stay initialised between uses: a cache with a constructor, typed by generation. */
#include <linux/module.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

struct channel {
	spinlock_t lock;
	struct list_head queue;
	unsigned int generation;
	u8 window[200];
};

static struct kmem_cache *channels;
static unsigned int constructed;

static void channel_once(void *item)
{
	struct channel *c = item;

	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->queue);
	c->generation = 0;
	constructed++;
}

static int channel_cycle(void)
{
	struct channel *held[3] = { NULL };
	int i, ret = 0;

	for (i = 0; i < ARRAY_SIZE(held); i++) {
		held[i] = kmem_cache_alloc(channels, GFP_KERNEL);
		if (!held[i]) {
			ret = -ENOMEM;
			break;
		}
		if (!list_empty(&held[i]->queue))
			ret = -EIO;
		held[i]->generation++;
	}
	while (i--)
		kmem_cache_free(channels, held[i]);
	return ret;
}

static int __init channel_init(void)
{
	int i, ret;

	channels = kmem_cache_create("channel", sizeof(struct channel), __alignof__(struct channel),
				     SLAB_PANIC | SLAB_RECLAIM_ACCOUNT, channel_once);
	for (i = 0; i < 2; i++) {
		ret = channel_cycle();
		if (ret) {
			kmem_cache_destroy(channels);
			return ret;
		}
	}
	pr_info("channel: constructor ran %s\n", constructed >= 3 ? "for whole slabs" : "too seldom");
	return 0;
}

static void __exit channel_exit(void)
{
	kmem_cache_destroy(channels);
}

module_init(channel_init);
module_exit(channel_exit);
MODULE_DESCRIPTION("Cache with a constructor");
MODULE_LICENSE("GPL");
