// SPDX-License-Identifier: GPL-2.0
/* A modem: a command sleeps until the answer's interrupt, or until patience ends. */
#include <linux/module.h>
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/timer.h>

struct modem {
	struct mutex one_at_a_time;
	struct completion answered;
	struct timer_list chip; /* stands for the modem's own slowness */
	void __iomem *regs;
	u32 answer;
};

static struct modem *modem;

int modem_command(unsigned int code);

static void modem_chip(struct timer_list *t)
{
	struct modem *m = from_timer(m, t, chip);

	m->answer = readl(m->regs) | 0x80;
	complete(&m->answered);
}

int modem_command(unsigned int code)
{
	struct modem *m = modem;
	long left;
	int ret;

	mutex_lock(&m->one_at_a_time);
	reinit_completion(&m->answered);
	writel(code, m->regs);
	if (code != 0x7f) /* the chip never answers this one */
		mod_timer(&m->chip, jiffies + msecs_to_jiffies(12));
	left = wait_for_completion_timeout(&m->answered, msecs_to_jiffies(100));
	ret = left ? (int)m->answer : -ETIMEDOUT;
	mutex_unlock(&m->one_at_a_time);
	return ret;
}

static int modem_probe(struct platform_device *pdev)
{
	struct modem *m = devm_kzalloc(&pdev->dev, sizeof(*m), GFP_KERNEL);

	if (!m)
		return -ENOMEM;
	m->regs = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(m->regs))
		return PTR_ERR(m->regs);
	mutex_init(&m->one_at_a_time);
	init_completion(&m->answered);
	timer_setup(&m->chip, modem_chip, 0);
	platform_set_drvdata(pdev, m);
	modem = m;
	return 0;
}

static void modem_remove(struct platform_device *pdev)
{
	struct modem *m = platform_get_drvdata(pdev);

	timer_shutdown_sync(&m->chip);
	mutex_destroy(&m->one_at_a_time);
}

static struct platform_driver modem_driver = {
	.probe = modem_probe,
	.remove = modem_remove,
	.driver = { .name = "modem" },
};

module_platform_driver(modem_driver);
MODULE_DESCRIPTION("Modem with answers");
MODULE_LICENSE("GPL");
