// SPDX-License-Identifier: GPL-2.0
/* Which parts of a device's address space are taken: ranges in a red-black tree, none overlaps. */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/slab.h>

struct range {
	struct rb_node node;
	u64 start;
	u64 size;
};

static struct rb_root ranges = RB_ROOT;
static DEFINE_MUTEX(ranges_lock);

int range_take(u64 start, u64 size);
int range_give(u64 address);
long range_gap(u64 size);

#define to_range(n) rb_entry(n, struct range, node)

static int range_insert(struct range *new)
{
	struct rb_node **link = &ranges.rb_node, *parent = NULL;

	while (*link) {
		struct range *r = to_range(*link);

		parent = *link;
		if (new->start + new->size <= r->start)
			link = &parent->rb_left;
		else if (new->start >= r->start + r->size)
			link = &parent->rb_right;
		else
			return -EBUSY;
	}
	rb_link_node(&new->node, parent, link);
	rb_insert_color(&new->node, &ranges);
	return 0;
}

int range_take(u64 start, u64 size)
{
	struct range *new = kzalloc(sizeof(*new), GFP_KERNEL);
	int ret;

	if (!new)
		return -ENOMEM;
	new->start = start;
	new->size = size;
	mutex_lock(&ranges_lock);
	ret = range_insert(new);
	mutex_unlock(&ranges_lock);
	if (ret)
		kfree(new);
	return ret;
}

static int covers(const void *key, const struct rb_node *node)
{
	const struct range *r = to_range(node);
	u64 address = *(const u64 *)key;

	if (address < r->start)
		return -1;
	return address >= r->start + r->size;
}

int range_give(u64 address)
{
	struct rb_node *found;

	mutex_lock(&ranges_lock);
	found = rb_find(&address, &ranges, covers);
	if (found)
		rb_erase(found, &ranges);
	mutex_unlock(&ranges_lock);
	if (!found)
		return -ENOENT;
	kfree(to_range(found));
	return 0;
}

/* The lowest free place for so many bytes. */
long range_gap(u64 size)
{
	struct rb_node *n;
	u64 end = 0;

	mutex_lock(&ranges_lock);
	for (n = rb_first(&ranges); n; n = rb_next(n)) {
		if (to_range(n)->start - end >= size)
			break;
		end = to_range(n)->start + to_range(n)->size;
	}
	mutex_unlock(&ranges_lock);
	return end;
}

static void ranges_free(void)
{
	struct range *r, *next;

	rbtree_postorder_for_each_entry_safe(r, next, &ranges, node)
		kfree(r);
}

static int __init ranges_init(void)
{
	int i, ret;

	for (i = 0; i < 40; i++) {
		ret = range_take((i * 27 % 40) * 0x1000, 0x800);
		if (ret) {
			ranges_free();
			return ret;
		}
	}
	return 0;
}

static void __exit ranges_exit(void)
{
	ranges_free();
}

module_init(ranges_init);
module_exit(ranges_exit);
MODULE_DESCRIPTION("Ranges in a tree");
MODULE_LICENSE("GPL");
