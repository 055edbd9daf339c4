// SPDX-License-Identifier: GPL-2.0
/* A counter that programs read, set and configure through ioctl. */
#include <linux/module.h>
#include <linux/miscdevice.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/spinlock.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct tally_setup {
	__u32 step;
	__u32 limit;
	__u64 start;
};

#define TALLY_GET _IOR('t', 1, __u64)
#define TALLY_SETUP _IOW('t', 2, struct tally_setup)
#define TALLY_TICK _IO('t', 3)

struct tally {
	spinlock_t lock;
	u64 value;
	struct tally_setup setup;
};

static int tally_open(struct inode *inode, struct file *file)
{
	struct tally *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return -ENOMEM;
	spin_lock_init(&t->lock);
	t->setup.step = 1;
	t->setup.limit = U32_MAX;
	file->private_data = t;
	return 0;
}

static int tally_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static int tally_configure(struct tally *t, const struct tally_setup __user *from)
{
	struct tally_setup setup;

	if (copy_from_user(&setup, from, sizeof(setup)))
		return -EFAULT;
	if (!setup.step || setup.start > setup.limit)
		return -EINVAL;
	spin_lock(&t->lock);
	t->setup = setup;
	t->value = setup.start;
	spin_unlock(&t->lock);
	return 0;
}

static long tally_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct tally *t = file->private_data;
	u64 value;

	switch (cmd) {
	case TALLY_GET:
		spin_lock(&t->lock);
		value = t->value;
		spin_unlock(&t->lock);
		return put_user(value, (u64 __user *)arg);
	case TALLY_SETUP:
		return tally_configure(t, (void __user *)arg);
	case TALLY_TICK:
		spin_lock(&t->lock);
		if (t->value + t->setup.step <= t->setup.limit)
			t->value += t->setup.step;
		value = t->value;
		spin_unlock(&t->lock);
		return value == t->setup.limit;
	}
	return -ENOTTY;
}

static const struct file_operations tally_fops = {
	.owner = THIS_MODULE,
	.open = tally_open,
	.release = tally_release,
	.unlocked_ioctl = tally_ioctl,
};

static struct miscdevice tally_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "tally",
	.fops = &tally_fops,
	.mode = 0600,
};

module_misc_device(tally_misc);
MODULE_DESCRIPTION("Counter with ioctls");
MODULE_LICENSE("GPL");
