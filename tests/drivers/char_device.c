// SPDX-License-Identifier: GPL-2.0
/* A notebook: what one program writes, another reads. */
#include <linux/module.h>
#include <linux/miscdevice.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/mutex.h>

#define PAGE_BYTES 128
#define NOTE_CLEAR _IO('n', 1)
#define NOTE_LENGTH _IOR('n', 2, u32)

struct note {
	struct mutex lock;
	size_t length;
	char *text;
};

static struct note note;

static int note_open(struct inode *inode, struct file *file)
{
	file->private_data = &note;
	return 0;
}

static ssize_t note_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct note *n = file->private_data;
	ssize_t done;

	mutex_lock(&n->lock);
	done = simple_read_from_buffer(buf, count, pos, n->text, n->length);
	mutex_unlock(&n->lock);
	return done;
}

static ssize_t note_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct note *n = file->private_data;
	ssize_t done = min_t(size_t, count, PAGE_BYTES);

	mutex_lock(&n->lock);
	if (copy_from_user(n->text, buf, done))
		done = -EFAULT;
	else
		n->length = done;
	mutex_unlock(&n->lock);
	return done;
}

static long note_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct note *n = file->private_data;
	u32 length = n->length;

	switch (cmd) {
	case NOTE_CLEAR:
		n->length = 0;
		return 0;
	case NOTE_LENGTH:
		return put_user(length, (u32 __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations note_fops = {
	.owner = THIS_MODULE,
	.open = note_open,
	.read = note_read,
	.write = note_write,
	.unlocked_ioctl = note_ioctl,
};

static struct miscdevice note_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "note",
	.fops = &note_fops,
};

static int __init note_init(void)
{
	int ret;

	mutex_init(&note.lock);
	note.text = kzalloc(PAGE_BYTES, GFP_KERNEL);
	if (!note.text)
		return -ENOMEM;
	ret = misc_register(&note_misc);
	if (ret)
		kfree(note.text);
	return ret;
}

static void __exit note_exit(void)
{
	misc_deregister(&note_misc);
	kfree(note.text);
}

module_init(note_init);
module_exit(note_exit);
MODULE_DESCRIPTION("Notebook character device");
MODULE_LICENSE("GPL");
