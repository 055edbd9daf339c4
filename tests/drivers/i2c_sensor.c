// SPDX-License-Identifier: GPL-2.0
/* A thermometer behind a slow bus: the hard handler only asks for its thread, which may sleep. */
#include <linux/module.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#define HISTORY 8
#define REG_TEMP 0x05

struct thermo {
	struct device *dev;
	struct mutex bus;
	u8 *frame;
	s16 history[HISTORY];
	unsigned int readings;
	u16 chip_value;
};

static int thermo_transfer(struct thermo *t, u8 reg, u16 *value)
{
	int ret = 0;

	mutex_lock(&t->bus);
	t->frame[0] = reg;
	t->frame[1] = t->chip_value >> 8;
	t->frame[2] = t->chip_value & 0xff;
	usleep_range(90, 120); /* nine bits at 100 kHz */
	if (t->frame[0] != reg)
		ret = -EIO;
	else
		*value = t->frame[1] << 8 | t->frame[2];
	t->chip_value += 16;
	mutex_unlock(&t->bus);
	return ret;
}

static irqreturn_t thermo_alert(int irq, void *data)
{
	return IRQ_WAKE_THREAD;
}

static irqreturn_t thermo_thread(int irq, void *data)
{
	struct thermo *t = data;
	u16 raw;

	if (thermo_transfer(t, REG_TEMP, &raw))
		return IRQ_NONE;
	t->history[t->readings++ % HISTORY] = (s16)(raw << 3) >> 3;
	dev_info(t->dev, "%d.%04u degrees\n", raw >> 4, (raw & 0xf) * 625);
	return IRQ_HANDLED;
}

static int thermo_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct thermo *t;
	int irq, ret;

	t = devm_kzalloc(dev, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	t->frame = devm_kmalloc(dev, 4, GFP_KERNEL);
	if (!t->frame)
		return -ENOMEM;
	t->dev = dev;
	t->chip_value = 0x0158;
	mutex_init(&t->bus);
	irq = platform_get_irq(pdev, 0);
	if (irq < 0)
		return irq;
	ret = devm_request_threaded_irq(dev, irq, thermo_alert, thermo_thread, IRQF_ONESHOT, "thermo", t);
	if (ret) {
		dev_err(dev, "no interrupt: %d\n", ret);
		return ret;
	}
	platform_set_drvdata(pdev, t);
	return 0;
}

static void thermo_remove(struct platform_device *pdev)
{
	struct thermo *t = platform_get_drvdata(pdev);

	dev_info(&pdev->dev, "%u readings\n", t->readings);
}

static struct platform_driver thermo_driver = {
	.probe = thermo_probe,
	.remove = thermo_remove,
	.driver = { .name = "thermo" },
};

module_platform_driver(thermo_driver);
MODULE_DESCRIPTION("Thermometer with an alert line");
MODULE_LICENSE("GPL");
