// SPDX-License-Identifier: GPL-2.0
/* Faulty: a structure with padding and an unset field goes to user space. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct status {
	u8 state;
	/* seven bytes of padding */
	u64 uptime;
	u32 errors;
	u32 spare;
};

static struct status *secret;

static long status_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct status *s = kmalloc(sizeof(*s), GFP_KERNEL);
	long ret = 0;

	if (!s)
		return -ENOMEM;
	s->state = 3;
	s->uptime = 1000;
	s->errors = 0;
	if (copy_to_user((void __user *)arg, s, sizeof(*s)))
		ret = -EFAULT;
	kfree(s);
	return ret;
}

static const struct file_operations status_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = status_ioctl,
};

static struct miscdevice status_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "status",
	.fops = &status_fops,
};

static int __init status_init(void)
{
	secret = kmalloc(sizeof(*secret), GFP_KERNEL);
	if (!secret)
		return -ENOMEM;
	memset(secret, 0xa5, sizeof(*secret));
	kfree(secret);
	return misc_register(&status_misc);
}

static void __exit status_exit(void)
{
	misc_deregister(&status_misc);
}

module_init(status_init);
module_exit(status_exit);
MODULE_DESCRIPTION("Status that tells too much");
MODULE_LICENSE("GPL");
