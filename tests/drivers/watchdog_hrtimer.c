// SPDX-License-Identifier: GPL-2.0
/* A watchdog: unless a program writes in time, an exact timer barks; writing V ends it. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/atomic.h>
#include <linux/uaccess.h>

#define PERIOD_MS 30

static struct hrtimer dog;
static atomic_t barks = ATOMIC_INIT(0);
static atomic_t opened = ATOMIC_INIT(0);
static bool may_stop;

static enum hrtimer_restart dog_bark(struct hrtimer *timer)
{
	if (atomic_inc_return(&barks) >= 3) {
		pr_crit("watchdog: nobody feeds me\n");
		return HRTIMER_NORESTART;
	}
	hrtimer_forward_now(timer, ms_to_ktime(PERIOD_MS));
	return HRTIMER_RESTART;
}

static int dog_open(struct inode *inode, struct file *file)
{
	if (atomic_cmpxchg(&opened, 0, 1))
		return -EBUSY;
	may_stop = false;
	atomic_set(&barks, 0);
	hrtimer_start(&dog, ms_to_ktime(PERIOD_MS), HRTIMER_MODE_REL);
	return 0;
}

static ssize_t dog_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	size_t i;
	char c;

	may_stop = false;
	for (i = 0; i < count; i++) {
		if (get_user(c, buf + i))
			return -EFAULT;
		if (c == 'V')
			may_stop = true;
	}
	atomic_set(&barks, 0);
	hrtimer_start(&dog, ms_to_ktime(PERIOD_MS), HRTIMER_MODE_REL);
	return count;
}

static int dog_release(struct inode *inode, struct file *file)
{
	if (may_stop)
		hrtimer_cancel(&dog);
	else
		pr_crit("watchdog: closed without the magic word, still running\n");
	atomic_set(&opened, 0);
	return 0;
}

static const struct file_operations dog_fops = {
	.owner = THIS_MODULE,
	.open = dog_open,
	.write = dog_write,
	.release = dog_release,
};

static struct miscdevice dog_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "watchdog",
	.fops = &dog_fops,
};

static int __init dog_init(void)
{
	hrtimer_init(&dog, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	dog.function = dog_bark;
	return misc_register(&dog_misc);
}

static void __exit dog_exit(void)
{
	misc_deregister(&dog_misc);
	hrtimer_cancel(&dog);
}

module_init(dog_init);
module_exit(dog_exit);
MODULE_DESCRIPTION("Watchdog");
MODULE_LICENSE("GPL");
