// SPDX-License-Identifier: GPL-2.0
/* Faulty: suspend frees the work buffer to save memory, resume goes on using it. */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/slab.h>

struct dozer {
	u32 *buffer;
	unsigned int count;
};

static int dozer_suspend(struct device *dev)
{
	struct dozer *p = dev_get_drvdata(dev);

	kfree(p->buffer);
	return 0;
}

static int dozer_resume(struct device *dev)
{
	struct dozer *p = dev_get_drvdata(dev);

	p->buffer[0] = 0; /* should be allocated again */
	return 0;
}

static SIMPLE_DEV_PM_OPS(dozer_pm, dozer_suspend, dozer_resume);

static int dozer_probe(struct platform_device *pdev)
{
	struct dozer *p = devm_kzalloc(&pdev->dev, sizeof(*p), GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	p->buffer = kcalloc(16, sizeof(*p->buffer), GFP_KERNEL);
	if (!p->buffer)
		return -ENOMEM;
	platform_set_drvdata(pdev, p);
	return 0;
}

static void dozer_remove(struct platform_device *pdev)
{
	struct dozer *p = platform_get_drvdata(pdev);

	kfree(p->buffer);
}

static struct platform_driver dozer_driver = {
	.probe = dozer_probe,
	.remove = dozer_remove,
	.driver = { .name = "dozer", .pm = &dozer_pm },
};

module_platform_driver(dozer_driver);
MODULE_DESCRIPTION("Device that wakes up badly");
MODULE_LICENSE("GPL");
