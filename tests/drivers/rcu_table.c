// SPDX-License-Identifier: GPL-2.0
/* Routes that are looked up without a lock: RCU lets readers finish before an entry goes. */
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

struct route {
	struct list_head list;
	u32 prefix;
	u32 port;
	struct rcu_head rcu;
};

static LIST_HEAD(routes);
static DEFINE_SPINLOCK(routes_lock);

int route_set(u32 prefix, u32 port);
int route_find(u32 prefix);
int route_drop(u32 prefix);

int route_find(u32 prefix)
{
	struct route *r;
	int port = -ENOENT;

	rcu_read_lock();
	list_for_each_entry_rcu(r, &routes, list) {
		if (r->prefix == prefix) {
			port = r->port;
			break;
		}
	}
	rcu_read_unlock();
	return port;
}

int route_set(u32 prefix, u32 port)
{
	struct route *new = kmalloc(sizeof(*new), GFP_KERNEL), *old;

	if (!new)
		return -ENOMEM;
	new->prefix = prefix;
	new->port = port;
	spin_lock(&routes_lock);
	list_for_each_entry(old, &routes, list) {
		if (old->prefix == prefix) {
			list_del_rcu(&old->list);
			kfree_rcu(old, rcu);
			break;
		}
	}
	list_add_rcu(&new->list, &routes);
	spin_unlock(&routes_lock);
	return 0;
}

static void route_free(struct rcu_head *head)
{
	kfree(container_of(head, struct route, rcu));
}

int route_drop(u32 prefix)
{
	struct route *r;

	spin_lock(&routes_lock);
	list_for_each_entry(r, &routes, list) {
		if (r->prefix == prefix) {
			list_del_rcu(&r->list);
			spin_unlock(&routes_lock);
			call_rcu(&r->rcu, route_free);
			return 0;
		}
	}
	spin_unlock(&routes_lock);
	return -ENOENT;
}

static int __init routes_init(void)
{
	return route_set(0x0a000000, 1);
}

static void __exit routes_exit(void)
{
	struct route *r, *next;

	list_for_each_entry_safe(r, next, &routes, list) {
		list_del_rcu(&r->list);
		kfree_rcu(r, rcu);
	}
	rcu_barrier();
}

module_init(routes_init);
module_exit(routes_exit);
MODULE_DESCRIPTION("Routes under RCU");
MODULE_LICENSE("GPL");
