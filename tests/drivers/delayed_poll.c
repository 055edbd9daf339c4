// SPDX-License-Identifier: GPL-2.0
/* A battery gauge that is asked from time to time, more often while somebody looks. */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

struct gauge {
	struct delayed_work poll;
	struct workqueue_struct *queue;
	struct device *dev;
	unsigned int polls;
	unsigned int milliamps;
	bool low;
};

static struct gauge *gauge;

int gauge_hurry(void);

static void gauge_poll(struct work_struct *work)
{
	struct gauge *g = container_of(to_delayed_work(work), struct gauge, poll);

	g->polls++;
	g->milliamps -= 37;
	if (!g->low && g->milliamps < 400) {
		g->low = true;
		dev_warn(g->dev, "battery low after %u polls\n", g->polls);
	}
	queue_delayed_work(g->queue, &g->poll, msecs_to_jiffies(g->low ? 500 : 100));
}

int gauge_hurry(void)
{
	return mod_delayed_work(gauge->queue, &gauge->poll, 0);
}

static int gauge_probe(struct platform_device *pdev)
{
	struct gauge *g = devm_kzalloc(&pdev->dev, sizeof(*g), GFP_KERNEL);

	if (!g)
		return -ENOMEM;
	g->dev = &pdev->dev;
	g->milliamps = 500;
	g->queue = alloc_workqueue("gauge-%s", WQ_UNBOUND | WQ_MEM_RECLAIM, 1, dev_name(&pdev->dev));
	if (!g->queue)
		return -ENOMEM;
	INIT_DELAYED_WORK(&g->poll, gauge_poll);
	queue_delayed_work(g->queue, &g->poll, msecs_to_jiffies(100));
	platform_set_drvdata(pdev, g);
	gauge = g;
	return 0;
}

static void gauge_remove(struct platform_device *pdev)
{
	struct gauge *g = platform_get_drvdata(pdev);

	cancel_delayed_work_sync(&g->poll);
	destroy_workqueue(g->queue);
	dev_info(&pdev->dev, "%u polls\n", g->polls);
}

static struct platform_driver gauge_driver = {
	.probe = gauge_probe,
	.remove = gauge_remove,
	.driver = { .name = "gauge" },
};

module_platform_driver(gauge_driver);
MODULE_DESCRIPTION("Battery gauge");
MODULE_LICENSE("GPL");
