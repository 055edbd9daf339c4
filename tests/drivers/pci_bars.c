// SPDX-License-Identifier: GPL-2.0
/* A crypto card: registers in BAR 0, a ring of commands in coherent memory, sleep and wake. */
#include <linux/module.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/pm.h>

#define REG_CONTROL 0x00
#define REG_RING_LOW 0x08
#define REG_RING_HIGH 0x0c
#define REG_DOORBELL 0x10
#define CONTROL_ENABLE BIT(0)
#define RING_SLOTS 32

struct command {
	__le64 source;
	__le32 length;
	__le32 opcode;
};

struct crypt {
	struct pci_dev *pdev;
	void __iomem *regs;
	struct command *ring;
	dma_addr_t ring_dma;
	unsigned int next;
	bool asleep;
};

static void crypt_start(struct crypt *c)
{
	writel(lower_32_bits(c->ring_dma), c->regs + REG_RING_LOW);
	writel(upper_32_bits(c->ring_dma), c->regs + REG_RING_HIGH);
	writel(CONTROL_ENABLE, c->regs + REG_CONTROL);
	c->asleep = false;
}

static irqreturn_t crypt_irq(int irq, void *data)
{
	struct crypt *c = data;

	if (c->asleep)
		return IRQ_NONE;
	c->ring[c->next].opcode = cpu_to_le32(1);
	c->next = (c->next + 1) % RING_SLOTS;
	writel(c->next, c->regs + REG_DOORBELL);
	return IRQ_HANDLED;
}

static int crypt_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct crypt *c;
	int ret;

	ret = pci_enable_device(pdev);
	if (ret)
		return ret;
	ret = pci_request_regions(pdev, "crypt");
	if (ret)
		goto out_disable;
	pci_set_master(pdev);
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		goto out_regions;
	ret = -ENOMEM;
	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		goto out_regions;
	c->pdev = pdev;
	c->regs = pci_iomap(pdev, 0, 0);
	if (!c->regs)
		goto out_free;
	c->ring = dma_alloc_coherent(&pdev->dev, RING_SLOTS * sizeof(*c->ring), &c->ring_dma, GFP_KERNEL);
	if (!c->ring)
		goto out_unmap;
	crypt_start(c);
	ret = request_irq(pdev->irq, crypt_irq, IRQF_SHARED, "crypt", c);
	if (ret)
		goto out_ring;
	pci_set_drvdata(pdev, c);
	return 0;

out_ring:
	dma_free_coherent(&pdev->dev, RING_SLOTS * sizeof(*c->ring), c->ring, c->ring_dma);
out_unmap:
	pci_iounmap(pdev, c->regs);
out_free:
	kfree(c);
out_regions:
	pci_release_regions(pdev);
out_disable:
	pci_disable_device(pdev);
	return ret;
}

static void crypt_remove(struct pci_dev *pdev)
{
	struct crypt *c = pci_get_drvdata(pdev);

	writel(0, c->regs + REG_CONTROL);
	free_irq(pdev->irq, c);
	dma_free_coherent(&pdev->dev, RING_SLOTS * sizeof(*c->ring), c->ring, c->ring_dma);
	pci_iounmap(pdev, c->regs);
	kfree(c);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
}

static int crypt_suspend(struct device *dev)
{
	struct crypt *c = dev_get_drvdata(dev);

	if (c->next > 2)
		return -EBUSY;
	writel(0, c->regs + REG_CONTROL);
	c->asleep = true;
	return 0;
}

static int crypt_resume(struct device *dev)
{
	crypt_start(dev_get_drvdata(dev));
	dev_info(dev, "awake, slot %u\n", ((struct crypt *)dev_get_drvdata(dev))->next);
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(crypt_pm, crypt_suspend, crypt_resume);

static const struct pci_device_id crypt_ids[] = { { PCI_DEVICE(0x1b36, 0x0c01) }, { } };
MODULE_DEVICE_TABLE(pci, crypt_ids);

static struct pci_driver crypt_driver = {
	.name = "crypt",
	.id_table = crypt_ids,
	.probe = crypt_probe,
	.remove = crypt_remove,
	.driver.pm = pm_sleep_ptr(&crypt_pm),
};

module_pci_driver(crypt_driver);
MODULE_DESCRIPTION("Crypto card");
MODULE_LICENSE("GPL");
