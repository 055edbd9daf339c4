// SPDX-License-Identifier: GPL-2.0
/* Faulty: the error path leaves with the mutex held; the next caller waits for ever. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

static DEFINE_MUTEX(dial_lock);
static u32 dial;

static ssize_t dial_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	u32 value;

	mutex_lock(&dial_lock);
	if (count != sizeof(value))
		return -EINVAL; /* still locked */
	if (copy_from_user(&value, buf, sizeof(value))) {
		mutex_unlock(&dial_lock);
		return -EFAULT;
	}
	dial = value;
	mutex_unlock(&dial_lock);
	return count;
}

static const struct file_operations dial_fops = {
	.owner = THIS_MODULE,
	.write = dial_write,
};

static struct miscdevice dial_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dial",
	.fops = &dial_fops,
};

module_misc_device(dial_misc);
MODULE_DESCRIPTION("Dial that stays locked");
MODULE_LICENSE("GPL");
