// SPDX-License-Identifier: GPL-2.0
/* Faulty: when the interrupt is taken already, probe forgets what it has allocated. */
#include <linux/module.h>
#include <linux/interrupt.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

struct meter {
	u32 *samples;
	char *label;
	int irq;
};

static irqreturn_t meter_irq(int irq, void *data)
{
	return IRQ_HANDLED;
}

static int meter_probe(struct platform_device *pdev)
{
	struct meter *m;
	int ret;

	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return -ENOMEM;
	m->samples = kcalloc(256, sizeof(*m->samples), GFP_KERNEL);
	if (!m->samples) {
		ret = -ENOMEM;
		goto out;
	}
	m->label = kasprintf(GFP_KERNEL, "meter on %s", dev_name(&pdev->dev));
	if (!m->label) {
		ret = -ENOMEM;
		goto out_samples;
	}
	m->irq = platform_get_irq(pdev, 0);
	if (m->irq < 0)
		return m->irq; /* should go to out_label */
	ret = request_irq(m->irq, meter_irq, 0, m->label, m);
	if (ret)
		goto out_label;
	platform_set_drvdata(pdev, m);
	return 0;

out_label:
	kfree(m->label);
out_samples:
	kfree(m->samples);
out:
	kfree(m);
	return ret;
}

static void meter_remove(struct platform_device *pdev)
{
	struct meter *m = platform_get_drvdata(pdev);

	free_irq(m->irq, m);
	kfree(m->label);
	kfree(m->samples);
	kfree(m);
}

static struct platform_driver meter_driver = {
	.probe = meter_probe,
	.remove = meter_remove,
	.driver = { .name = "meter" },
};

module_platform_driver(meter_driver);
MODULE_DESCRIPTION("Meter that leaks when it has no interrupt");
MODULE_LICENSE("GPL");
