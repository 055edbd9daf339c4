// SPDX-License-Identifier: GPL-2.0
/* Faulty: a helper frees what its caller frees too. */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

struct table {
	unsigned int count;
	char **names;
};

static struct table *table;

static int table_fill(struct table *t, unsigned int count)
{
	unsigned int i;

	t->names = kcalloc(count, sizeof(*t->names), GFP_KERNEL);
	if (!t->names)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		t->names[i] = kasprintf(GFP_KERNEL, "entry-%u", i);
		if (!t->names[i] || i >= 3)
			goto undo;
		t->count++;
	}
	return 0;
undo:
	kfree(t->names[i]);
	while (i--)
		kfree(t->names[i]);
	kfree(t->names);
	return -ENOSPC;
}

static void table_free(struct table *t)
{
	while (t->count)
		kfree(t->names[--t->count]);
	kfree(t->names);
	kfree(t);
}

static int __init table_init(void)
{
	int ret;

	table = kzalloc(sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	ret = table_fill(table, 5);
	if (ret) {
		table_free(table); /* frees the names a second time */
		return ret;
	}
	return 0;
}

static void __exit table_exit(void)
{
	table_free(table);
}

module_init(table_init);
module_exit(table_exit);
MODULE_DESCRIPTION("Table that is freed twice");
MODULE_LICENSE("GPL");
