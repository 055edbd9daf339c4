// SPDX-License-Identifier: GPL-2.0
/* Built-in: a console keeps its lines in memory taken before there are allocators. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/memblock.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#define LINES 16
#define COLUMNS 80

static char (*lines)[COLUMNS];
static char *scratch __initdata;
static unsigned int used;
static unsigned int *index;

static void console_say(const char *text)
{
	strscpy(lines[used % LINES], text, COLUMNS);
	used++;
}

static int __init console_early(void)
{
	lines = memblock_alloc(LINES * COLUMNS, SMP_CACHE_BYTES);
	if (!lines)
		return -ENOMEM;
	scratch = memblock_alloc(PAGE_SIZE, PAGE_SIZE);
	if (!scratch)
		return -ENOMEM;
	snprintf(scratch, PAGE_SIZE, "early memory: %u lines of %u", LINES, COLUMNS);
	console_say(scratch);
	memblock_free(scratch, PAGE_SIZE);
	return 0;
}

static int __init console_late(void)
{
	index = kcalloc(LINES, sizeof(*index), GFP_KERNEL);
	if (!index)
		return -ENOMEM;
	console_say("late memory: slab");
	for (index[0] = 0; index[0] < used; index[0]++)
		pr_info("console: %s\n", lines[index[0]]);
	kfree(index);
	index = NULL;
	return 0;
}

early_initcall(console_early);
late_initcall(console_late);
MODULE_LICENSE("GPL");
