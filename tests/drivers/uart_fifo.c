// SPDX-License-Identifier: GPL-2.0
/* A serial port: the interrupt empties the hardware FIFO into a ring, a tasklet makes lines. */
#include <linux/module.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define UART_DATA 0x0
#define RING_BYTES 64 /* a power of two */

struct uart {
	void __iomem *base;
	struct device *dev;
	struct tasklet_struct push;
	spinlock_t lock;
	unsigned int head, tail, lost;
	u8 ring[RING_BYTES];
	char line[24];
	unsigned int length;
};

static void uart_line(struct uart *u)
{
	u->line[u->length] = '\0';
	dev_info(u->dev, "line \"%s\"\n", u->line);
	u->length = 0;
}

static void uart_push(struct tasklet_struct *t)
{
	struct uart *u = from_tasklet(u, t, push);
	u8 c;

	spin_lock_irq(&u->lock);
	while (u->tail != u->head) {
		c = u->ring[u->tail++ & (RING_BYTES - 1)];
		spin_unlock_irq(&u->lock);
		if (c == '\n' || u->length == sizeof(u->line) - 1)
			uart_line(u);
		if (c != '\n')
			u->line[u->length++] = c;
		spin_lock_irq(&u->lock);
	}
	spin_unlock_irq(&u->lock);
}

static irqreturn_t uart_irq(int irq, void *data)
{
	static const char wire[] = "boot ok\nlogin: ";
	struct uart *u = data;
	unsigned int i;

	(void)readl(u->base + UART_DATA);
	spin_lock(&u->lock);
	for (i = 0; i < strlen(wire); i++) {
		if (u->head - u->tail == RING_BYTES) {
			u->lost++;
			continue;
		}
		u->ring[u->head++ & (RING_BYTES - 1)] = wire[i];
	}
	spin_unlock(&u->lock);
	tasklet_schedule(&u->push);
	return IRQ_HANDLED;
}

static int uart_probe(struct platform_device *pdev)
{
	struct uart *u;
	int irq;

	u = devm_kzalloc(&pdev->dev, sizeof(*u), GFP_KERNEL);
	if (!u)
		return -ENOMEM;
	u->dev = &pdev->dev;
	u->base = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(u->base))
		return PTR_ERR(u->base);
	spin_lock_init(&u->lock);
	tasklet_setup(&u->push, uart_push);
	irq = platform_get_irq(pdev, 0);
	if (irq < 0)
		return irq;
	platform_set_drvdata(pdev, u);
	return devm_request_irq(&pdev->dev, irq, uart_irq, 0, dev_name(&pdev->dev), u);
}

static void uart_remove(struct platform_device *pdev)
{
	struct uart *u = platform_get_drvdata(pdev);

	tasklet_kill(&u->push);
	if (u->lost)
		dev_warn(&pdev->dev, "%u characters lost\n", u->lost);
}

static struct platform_driver uart_driver = {
	.probe = uart_probe,
	.remove = uart_remove,
	.driver = { .name = "toyuart" },
};

module_platform_driver(uart_driver);
MODULE_DESCRIPTION("Serial port");
MODULE_LICENSE("GPL");
