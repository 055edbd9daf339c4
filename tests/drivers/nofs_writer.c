// SPDX-License-Identifier: GPL-2.0
/* The journal of a file system: inside a transaction no allocation may call back into it. */
#include <linux/module.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

struct record {
	struct list_head list;
	u32 sequence;
	size_t length;
	u8 payload[];
};

struct journal {
	struct mutex commit;
	struct list_head open;
	u32 sequence;
	u32 written;
};

static struct journal journal;

int journal_append(unsigned int length);

static struct record *record_new(struct journal *j, size_t length)
{
	struct record *r = kzalloc(struct_size(r, payload, length), GFP_KERNEL);

	if (!r)
		return NULL;
	r->sequence = ++j->sequence;
	r->length = length;
	memset(r->payload, 0xc5, length);
	return r;
}

int journal_append(unsigned int length)
{
	unsigned int scope;
	struct record *r;
	int ret = 0;

	mutex_lock(&journal.commit);
	scope = memalloc_nofs_save();
	r = record_new(&journal, length);
	if (r)
		list_add_tail(&r->list, &journal.open);
	else
		ret = -ENOMEM;
	memalloc_nofs_restore(scope);
	mutex_unlock(&journal.commit);
	return ret;
}

static void journal_commit(void)
{
	struct record *r, *next;

	mutex_lock(&journal.commit);
	list_for_each_entry_safe(r, next, &journal.open, list) {
		journal.written += r->length;
		list_del(&r->list);
		kfree_sensitive(r);
	}
	mutex_unlock(&journal.commit);
}

static int __init journal_init(void)
{
	mutex_init(&journal.commit);
	INIT_LIST_HEAD(&journal.open);
	return 0;
}

static void __exit journal_exit(void)
{
	journal_commit();
	pr_info("journal: %u records, %u bytes\n", journal.sequence, journal.written);
}

module_init(journal_init);
module_exit(journal_exit);
MODULE_DESCRIPTION("Journal with NOFS scopes");
MODULE_LICENSE("GPL");
