// SPDX-License-Identifier: GPL-2.0
/* Keys: the interrupt puts presses into a kfifo, programs wait for them and read whole records. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kfifo.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/wait.h>

#define KEYS_CODE 0x0

struct press {
	u32 number;
	u16 code;
	u16 lost;
};

struct keys {
	struct miscdevice misc;
	void __iomem *base;
	wait_queue_head_t readers;
	struct mutex lock; /* one reader at a time; the interrupt is the only writer */
	u32 number;
	u16 lost;
	DECLARE_KFIFO_PTR(presses, struct press);
};

static irqreturn_t keys_irq(int irq, void *data)
{
	struct keys *k = data;
	struct press p = { .number = k->number++, .code = readl(k->base + KEYS_CODE) & 0x7f };

	p.lost = k->lost;
	if (kfifo_put(&k->presses, p))
		k->lost = 0;
	else
		k->lost++;
	wake_up_interruptible(&k->readers);
	return IRQ_HANDLED;
}

static ssize_t keys_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct keys *k = container_of(file->private_data, struct keys, misc);
	unsigned int copied;
	int ret;

	if (count < sizeof(struct press))
		return -EINVAL;
	if (kfifo_is_empty(&k->presses)) {
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_interruptible(k->readers, !kfifo_is_empty(&k->presses));
		if (ret)
			return ret;
	}
	if (mutex_lock_interruptible(&k->lock))
		return -ERESTARTSYS;
	ret = kfifo_to_user(&k->presses, buf, count, &copied);
	mutex_unlock(&k->lock);
	return ret ? ret : copied;
}

static const struct file_operations keys_fops = {
	.owner = THIS_MODULE,
	.read = keys_read,
};

static int keys_probe(struct platform_device *pdev)
{
	struct keys *k;
	int irq, ret;

	k = devm_kzalloc(&pdev->dev, sizeof(*k), GFP_KERNEL);
	if (!k)
		return -ENOMEM;
	k->base = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(k->base))
		return PTR_ERR(k->base);
	mutex_init(&k->lock);
	init_waitqueue_head(&k->readers);
	ret = kfifo_alloc(&k->presses, 6, GFP_KERNEL);
	if (ret)
		return ret;
	irq = platform_get_irq(pdev, 0);
	if (irq < 0) {
		ret = irq;
		goto out_fifo;
	}
	ret = request_irq(irq, keys_irq, 0, "keys", k);
	if (ret)
		goto out_fifo;
	k->misc.minor = MISC_DYNAMIC_MINOR;
	k->misc.name = "keys";
	k->misc.fops = &keys_fops;
	ret = misc_register(&k->misc);
	if (ret)
		goto out_irq;
	dev_info(&pdev->dev, "room for %u presses\n", kfifo_size(&k->presses));
	platform_set_drvdata(pdev, k);
	return 0;

out_irq:
	free_irq(irq, k);
out_fifo:
	kfifo_free(&k->presses);
	return ret;
}

static void keys_remove(struct platform_device *pdev)
{
	struct keys *k = platform_get_drvdata(pdev);

	misc_deregister(&k->misc);
	free_irq(platform_get_irq(pdev, 0), k);
	if (!kfifo_is_empty(&k->presses))
		dev_info(&pdev->dev, "%u presses were never read\n", kfifo_len(&k->presses));
	kfifo_free(&k->presses);
}

static struct platform_driver keys_driver = {
	.probe = keys_probe,
	.remove = keys_remove,
	.driver = { .name = "toykeys" },
};

module_platform_driver(keys_driver);
MODULE_DESCRIPTION("Keys in a kfifo");
MODULE_LICENSE("GPL");
