// SPDX-License-Identifier: GPL-2.0
/* Faulty: a reference is given up before the last use, and once too often. */
#include <linux/module.h>
#include <linux/kref.h>
#include <linux/slab.h>

struct ticket {
	struct kref ref;
	u32 number;
	char holder[24];
};

static struct ticket *ticket;

int ticket_show(void);
int ticket_twice(void);

static void ticket_free(struct kref *ref)
{
	kfree(container_of(ref, struct ticket, ref));
}

static struct ticket *ticket_new(u32 number)
{
	struct ticket *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (t) {
		kref_init(&t->ref);
		t->number = number;
	}
	return t;
}

int ticket_show(void)
{
	struct ticket *t = ticket_new(7);

	if (!t)
		return -ENOMEM;
	kref_put(&t->ref, ticket_free);
	return t->number; /* freed by the line above */
}

int ticket_twice(void)
{
	kref_put(&ticket->ref, ticket_free);
	return kref_put(&ticket->ref, ticket_free); /* nobody holds it any more */
}

static int __init ticket_init(void)
{
	ticket = ticket_new(1);
	return ticket ? 0 : -ENOMEM;
}

static void __exit ticket_exit(void)
{
}

module_init(ticket_init);
module_exit(ticket_exit);
MODULE_DESCRIPTION("Tickets that are given back too early");
MODULE_LICENSE("GPL");
