// SPDX-License-Identifier: GPL-2.0
/* Faulty: the object is freed while its timer still runs. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/timer.h>

struct alarm {
	struct timer_list timer;
	unsigned int rung;
	char text[32];
};

static void alarm_ring(struct timer_list *t)
{
	struct alarm *a = from_timer(a, t, timer);

	a->rung++;
	mod_timer(&a->timer, jiffies + HZ / 10);
}

static int alarm_open(struct inode *inode, struct file *file)
{
	struct alarm *a = kzalloc(sizeof(*a), GFP_KERNEL);

	if (!a)
		return -ENOMEM;
	timer_setup(&a->timer, alarm_ring, 0);
	mod_timer(&a->timer, jiffies + HZ / 10);
	file->private_data = a;
	return 0;
}

static int alarm_release(struct inode *inode, struct file *file)
{
	struct alarm *a = file->private_data;

	kfree(a); /* timer_shutdown_sync() is missing */
	return 0;
}

static const struct file_operations alarm_fops = {
	.owner = THIS_MODULE,
	.open = alarm_open,
	.release = alarm_release,
};

static struct miscdevice alarm_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "alarm",
	.fops = &alarm_fops,
};

module_misc_device(alarm_misc);
MODULE_DESCRIPTION("Alarm that rings after its end");
MODULE_LICENSE("GPL");
