// SPDX-License-Identifier: GPL-2.0
/* Faulty: user memory is copied, and memory allocated that may wait, under a spinlock. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

static DEFINE_SPINLOCK(board_lock);
static char *board;
static size_t board_length;

static ssize_t board_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	char *fresh;

	if (count > PAGE_SIZE)
		return -EFBIG;
	spin_lock(&board_lock);
	fresh = kmalloc(count, GFP_KERNEL);
	if (!fresh) {
		spin_unlock(&board_lock);
		return -ENOMEM;
	}
	if (copy_from_user(fresh, buf, count)) {
		spin_unlock(&board_lock);
		kfree(fresh);
		return -EFAULT;
	}
	kfree(board);
	board = fresh;
	board_length = count;
	spin_unlock(&board_lock);
	return count;
}

static ssize_t board_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	return simple_read_from_buffer(buf, count, pos, board, board_length);
}

static const struct file_operations board_fops = {
	.owner = THIS_MODULE,
	.read = board_read,
	.write = board_write,
};

static struct miscdevice board_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "board",
	.fops = &board_fops,
};

static int __init board_init(void)
{
	return misc_register(&board_misc);
}

static void __exit board_exit(void)
{
	misc_deregister(&board_misc);
	kfree(board);
}

module_init(board_init);
module_exit(board_exit);
MODULE_DESCRIPTION("Board that sleeps under its lock");
MODULE_LICENSE("GPL");
