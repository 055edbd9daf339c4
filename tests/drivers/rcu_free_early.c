// SPDX-License-Identifier: GPL-2.0
/* Faulty: a reader keeps the entry after its section has ended, and the writer frees at once. */
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

struct rule {
	struct list_head list;
	u32 id;
	u32 hits;
};

static LIST_HEAD(rules);

int rule_walk(int drop);

static struct rule *rule_find(u32 id)
{
	struct rule *r, *found = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(r, &rules, list)
		if (r->id == id)
			found = r;
	rcu_read_unlock();
	return found; /* nothing holds it from here on */
}

static void rule_remove(struct rule *r)
{
	list_del_rcu(&r->list);
	kfree(r); /* should be kfree_rcu() */
}

int rule_walk(int drop)
{
	struct rule *r = rule_find(2);

	if (!r)
		return -ENOENT;
	if (drop)
		rule_remove(r);
	r->hits++;
	return r->hits;
}

static int __init rules_init(void)
{
	struct rule *r;
	u32 i;

	for (i = 1; i <= 3; i++) {
		r = kzalloc(sizeof(*r), GFP_KERNEL);
		if (!r)
			break;
		r->id = i;
		list_add_tail_rcu(&r->list, &rules);
	}
	return 0;
}

static void __exit rules_exit(void)
{
	struct rule *r, *next;

	list_for_each_entry_safe(r, next, &rules, list)
		rule_remove(r);
}

module_init(rules_init);
module_exit(rules_exit);
MODULE_DESCRIPTION("Rules that go too early");
MODULE_LICENSE("GPL");
