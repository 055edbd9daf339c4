// SPDX-License-Identifier: GPL-2.0
/* A pipe between programs: readers wait until somebody has written, poll tells when. */
#include <linux/module.h>
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define FIFO_BYTES 256

struct fifo {
	struct cdev cdev;
	dev_t number;
	struct mutex lock;
	wait_queue_head_t readers;
	size_t head;
	size_t tail;
	char data[FIFO_BYTES];
};

static struct fifo *fifo;

static size_t fifo_used(const struct fifo *f)
{
	return f->head - f->tail;
}

static int fifo_open(struct inode *inode, struct file *file)
{
	file->private_data = container_of(inode->i_cdev, struct fifo, cdev);
	return nonseekable_open(inode, file);
}

static ssize_t fifo_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct fifo *f = file->private_data;
	size_t at, part, done = 0;

	if (!fifo_used(f)) {
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(f->readers, fifo_used(f)))
			return -ERESTARTSYS;
	}
	if (mutex_lock_interruptible(&f->lock))
		return -ERESTARTSYS;
	count = min(count, fifo_used(f));
	while (done < count) {
		at = f->tail % FIFO_BYTES;
		part = min_t(size_t, count - done, FIFO_BYTES - at);
		if (copy_to_user(buf + done, f->data + at, part)) {
			mutex_unlock(&f->lock);
			return done ? done : -EFAULT;
		}
		f->tail += part;
		done += part;
	}
	mutex_unlock(&f->lock);
	return done;
}

static ssize_t fifo_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct fifo *f = file->private_data;
	size_t at, part, done = 0;

	if (mutex_lock_interruptible(&f->lock))
		return -ERESTARTSYS;
	count = min_t(size_t, count, FIFO_BYTES - fifo_used(f));
	while (done < count) {
		at = f->head % FIFO_BYTES;
		part = min_t(size_t, count - done, FIFO_BYTES - at);
		if (copy_from_user(f->data + at, buf + done, part))
			break;
		f->head += part;
		done += part;
	}
	mutex_unlock(&f->lock);
	if (!done)
		return count ? -EFAULT : -ENOSPC;
	wake_up_interruptible(&f->readers);
	return done;
}

static __poll_t fifo_poll(struct file *file, poll_table *wait)
{
	struct fifo *f = file->private_data;
	__poll_t ready = 0;

	poll_wait(file, &f->readers, wait);
	if (fifo_used(f))
		ready |= EPOLLIN | EPOLLRDNORM;
	if (fifo_used(f) < FIFO_BYTES)
		ready |= EPOLLOUT | EPOLLWRNORM;
	return ready;
}

static const struct file_operations fifo_fops = {
	.owner = THIS_MODULE,
	.open = fifo_open,
	.read = fifo_read,
	.write = fifo_write,
	.poll = fifo_poll,
	.llseek = no_llseek,
};

static int __init fifo_init(void)
{
	int ret;

	fifo = kzalloc(sizeof(*fifo), GFP_KERNEL);
	if (!fifo)
		return -ENOMEM;
	mutex_init(&fifo->lock);
	init_waitqueue_head(&fifo->readers);
	ret = alloc_chrdev_region(&fifo->number, 0, 1, "fifo");
	if (ret)
		goto out_free;
	cdev_init(&fifo->cdev, &fifo_fops);
	fifo->cdev.owner = THIS_MODULE;
	ret = cdev_add(&fifo->cdev, fifo->number, 1);
	if (ret)
		goto out_region;
	return 0;

out_region:
	unregister_chrdev_region(fifo->number, 1);
out_free:
	kfree(fifo);
	return ret;
}

static void __exit fifo_exit(void)
{
	cdev_del(&fifo->cdev);
	unregister_chrdev_region(fifo->number, 1);
	kfree(fifo);
}

module_init(fifo_init);
module_exit(fifo_exit);
MODULE_DESCRIPTION("Pipe as a character device");
MODULE_LICENSE("GPL");
