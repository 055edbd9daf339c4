// SPDX-License-Identifier: GPL-2.0
/* Faulty: the interrupt handler allocates as if it could wait, and takes a mutex. */
#include <linux/module.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

struct key {
	struct list_head list;
	u16 code;
};

struct keys {
	struct mutex lock;
	struct list_head pressed;
	u16 next;
};

static irqreturn_t keys_irq(int irq, void *data)
{
	struct keys *k = data;
	struct key *key = kmalloc(sizeof(*key), GFP_KERNEL);

	if (!key)
		return IRQ_NONE;
	key->code = k->next++;
	mutex_lock(&k->lock);
	list_add_tail(&key->list, &k->pressed);
	mutex_unlock(&k->lock);
	return IRQ_HANDLED;
}

static int keys_probe(struct platform_device *pdev)
{
	struct keys *k = devm_kzalloc(&pdev->dev, sizeof(*k), GFP_KERNEL);
	int irq;

	if (!k)
		return -ENOMEM;
	mutex_init(&k->lock);
	INIT_LIST_HEAD(&k->pressed);
	platform_set_drvdata(pdev, k);
	irq = platform_get_irq(pdev, 0);
	if (irq < 0)
		return irq;
	return devm_request_irq(&pdev->dev, irq, keys_irq, 0, "keys", k);
}

static void keys_remove(struct platform_device *pdev)
{
	struct keys *k = platform_get_drvdata(pdev);
	struct key *key, *next;

	list_for_each_entry_safe(key, next, &k->pressed, list)
		kfree(key);
	dev_info(&pdev->dev, "%u keys\n", k->next);
}

static struct platform_driver keys_driver = {
	.probe = keys_probe,
	.remove = keys_remove,
	.driver = { .name = "keys" },
};

module_platform_driver(keys_driver);
MODULE_DESCRIPTION("Keyboard that sleeps in its interrupt");
MODULE_LICENSE("GPL");
