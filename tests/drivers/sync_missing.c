// SPDX-License-Identifier: GPL-2.0
/* Faulty: reads what the device wrote without taking the buffer over from it first. */
#include <linux/module.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/slab.h>

#define BYTES 512

struct reader {
	struct pci_dev *pdev;
	u32 *buffer;
	dma_addr_t dma;
};

static struct reader *reader;
static bool careful;
module_param(careful, bool, 0444);

static irqreturn_t reader_irq(int irq, void *data)
{
	struct reader *r = data;

	if (careful)
		dma_sync_single_for_cpu(&r->pdev->dev, r->dma, BYTES, DMA_FROM_DEVICE);
	dev_info(&r->pdev->dev, "the device says %#x\n", r->buffer[0]);
	if (careful)
		dma_sync_single_for_device(&r->pdev->dev, r->dma, BYTES, DMA_FROM_DEVICE);
	return IRQ_HANDLED;
}

static int reader_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct reader *r = devm_kzalloc(&pdev->dev, sizeof(*r), GFP_KERNEL);
	int ret;

	if (!r)
		return -ENOMEM;
	ret = dma_set_mask(&pdev->dev, DMA_BIT_MASK(32));
	if (ret)
		return ret;
	r->pdev = pdev;
	r->buffer = kzalloc(BYTES, GFP_KERNEL);
	if (!r->buffer)
		return -ENOMEM;
	r->dma = dma_map_single(&pdev->dev, r->buffer, BYTES, DMA_FROM_DEVICE);
	if (dma_mapping_error(&pdev->dev, r->dma)) {
		kfree(r->buffer);
		return -ENOMEM;
	}
	ret = request_irq(pdev->irq, reader_irq, 0, "reader", r);
	if (ret) {
		dma_unmap_single(&pdev->dev, r->dma, BYTES, DMA_FROM_DEVICE);
		kfree(r->buffer);
		return ret;
	}
	pci_set_drvdata(pdev, r);
	reader = r;
	return 0;
}

static void reader_remove(struct pci_dev *pdev)
{
	struct reader *r = pci_get_drvdata(pdev);

	free_irq(pdev->irq, r);
	dma_unmap_single(&pdev->dev, r->dma, BYTES, DMA_FROM_DEVICE);
	kfree(r->buffer);
}

static const struct pci_device_id reader_ids[] = { { PCI_DEVICE(0x1b36, 0x24b1) }, { } };

static struct pci_driver reader_driver = {
	.name = "reader",
	.id_table = reader_ids,
	.probe = reader_probe,
	.remove = reader_remove,
};

module_pci_driver(reader_driver);
MODULE_DESCRIPTION("Reader without sync");
MODULE_LICENSE("GPL");
