// SPDX-License-Identifier: GPL-2.0
/* Built-in code: takes its log buffer from memblock, uses it when the system runs. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/memblock.h>
#include <linux/string.h>
#include <linux/module.h>

#define LOG_BYTES SZ_64K
#include <linux/sizes.h>

static char *log_buffer;

static int __init early_log_setup(void)
{
	log_buffer = memblock_alloc(LOG_BYTES, PAGE_SIZE);
	if (!log_buffer)
		return -ENOMEM;
	strscpy(log_buffer, "first light", LOG_BYTES);
	pr_info("early log at %p\n", log_buffer);
	return 0;
}

static int __init early_log_show(void)
{
	pr_info("early log: %s\n", log_buffer);
	return 0;
}

early_initcall(early_log_setup);
late_initcall(early_log_show);
MODULE_LICENSE("GPL");
