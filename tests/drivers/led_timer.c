// SPDX-License-Identifier: GPL-2.0
/* Two lamps: a timer lets one blink, the brightness of the other is written by programs. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/platform_device.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/kernel.h>

#define REG_BLINK 0x0
#define REG_LEVEL 0x4

struct lamps {
	void __iomem *regs;
	struct timer_list blink;
	struct miscdevice misc;
	unsigned long period;
	unsigned int flips;
	u8 on;
};

static struct lamps *lamps;
static unsigned int blink_ms = 250;
module_param(blink_ms, uint, 0644);
MODULE_PARM_DESC(blink_ms, "half a period of the blinking lamp, in milliseconds");

static void lamps_blink(struct timer_list *t)
{
	struct lamps *l = from_timer(l, t, blink);

	l->on = !l->on;
	l->flips++;
	writel(l->on, l->regs + REG_BLINK);
	mod_timer(&l->blink, jiffies + l->period);
}

static ssize_t lamps_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	char text[8];
	u8 level;
	int ret;

	if (count >= sizeof(text))
		return -E2BIG;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	ret = kstrtou8(text, 0, &level);
	if (ret)
		return ret;
	writel(level, lamps->regs + REG_LEVEL);
	return count;
}

static const struct file_operations lamps_fops = {
	.owner = THIS_MODULE,
	.write = lamps_write,
};

static int lamps_probe(struct platform_device *pdev)
{
	struct lamps *l;
	int ret;

	if (!blink_ms)
		return -EINVAL;
	l = devm_kzalloc(&pdev->dev, sizeof(*l), GFP_KERNEL);
	if (!l)
		return -ENOMEM;
	l->regs = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(l->regs))
		return PTR_ERR(l->regs);
	l->period = msecs_to_jiffies(blink_ms);
	l->misc.minor = MISC_DYNAMIC_MINOR;
	l->misc.name = "lamp";
	l->misc.fops = &lamps_fops;
	lamps = l;
	ret = misc_register(&l->misc);
	if (ret)
		return ret;
	timer_setup(&l->blink, lamps_blink, 0);
	mod_timer(&l->blink, jiffies + l->period);
	platform_set_drvdata(pdev, l);
	return 0;
}

static void lamps_remove(struct platform_device *pdev)
{
	struct lamps *l = platform_get_drvdata(pdev);

	timer_shutdown_sync(&l->blink);
	misc_deregister(&l->misc);
	dev_info(&pdev->dev, "flipped %u times\n", l->flips);
}

static struct platform_driver lamps_driver = {
	.probe = lamps_probe,
	.remove = lamps_remove,
	.driver = { .name = "lamps" },
};

module_platform_driver(lamps_driver);
MODULE_DESCRIPTION("Two lamps");
MODULE_LICENSE("GPL");
