// SPDX-License-Identifier: GPL-2.0
/* A sensor on a slow bus: the interrupt only notes, a work item talks to the chip and may sleep. */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/interrupt.h>
#include <linux/workqueue.h>
#include <linux/spinlock.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/delay.h>

struct sample {
	struct list_head list;
	int number;
};

struct sensor {
	spinlock_t lock;
	struct list_head samples;
	struct work_struct work;
	int count;
	int irq;
};

static struct sensor sensor;
static int keep;
module_param(keep, int, 0444);
MODULE_PARM_DESC(keep, "samples to leave behind at unload");

static void sensor_work(struct work_struct *work)
{
	struct sensor *s = container_of(work, struct sensor, work);
	struct sample *sample = kmalloc(sizeof(*sample), GFP_KERNEL);

	if (!sample)
		return;
	usleep_range(200, 400);
	sample->number = ++s->count;
	spin_lock_bh(&s->lock);
	list_add_tail(&sample->list, &s->samples);
	spin_unlock_bh(&s->lock);
}

static irqreturn_t sensor_irq(int irq, void *data)
{
	struct sensor *s = data;

	schedule_work(&s->work);
	return IRQ_HANDLED;
}

static int sensor_probe(struct platform_device *pdev)
{
	sensor.irq = platform_get_irq(pdev, 0);
	if (sensor.irq < 0)
		return sensor.irq;
	spin_lock_init(&sensor.lock);
	INIT_LIST_HEAD(&sensor.samples);
	INIT_WORK(&sensor.work, sensor_work);
	return devm_request_irq(&pdev->dev, sensor.irq, sensor_irq, 0, dev_name(&pdev->dev), &sensor);
}

static void sensor_remove(struct platform_device *pdev)
{
	struct sample *sample, *next;

	cancel_work_sync(&sensor.work);
	list_for_each_entry_safe(sample, next, &sensor.samples, list) {
		if (sample->number <= keep)
			continue;
		list_del(&sample->list);
		kfree(sample);
	}
	dev_info(&pdev->dev, "%d samples\n", sensor.count);
}

static struct platform_driver sensor_driver = {
	.probe = sensor_probe,
	.remove = sensor_remove,
	.driver = { .name = "slow-sensor" },
};

module_platform_driver(sensor_driver);
MODULE_DESCRIPTION("Sensor read by a work item");
MODULE_LICENSE("GPL");
