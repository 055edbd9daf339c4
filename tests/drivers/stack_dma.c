// SPDX-License-Identifier: GPL-2.0
/* Faulty: gives the device memory that it cannot be given: the stack, and vmalloc's. */
#include <linux/module.h>
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/vmalloc.h>

static int wild_map(struct pci_dev *pdev, void *what, size_t size)
{
	dma_addr_t dma = dma_map_single(&pdev->dev, what, size, DMA_TO_DEVICE);

	if (dma_mapping_error(&pdev->dev, dma))
		return -EIO;
	dma_unmap_single(&pdev->dev, dma, size, DMA_TO_DEVICE);
	return 0;
}

static int wild_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	u8 command[16] = { 0xc0, 0x01 };
	void *table;
	int ret;

	ret = wild_map(pdev, command, sizeof(command));
	dev_info(&pdev->dev, "stack: %d\n", ret);
	table = vzalloc(2 * PAGE_SIZE);
	if (!table)
		return -ENOMEM;
	ret = wild_map(pdev, table, 2 * PAGE_SIZE);
	dev_info(&pdev->dev, "vmalloc: %d\n", ret);
	vfree(table);
	return 0;
}

static const struct pci_device_id wild_ids[] = { { PCI_DEVICE(0x1b36, 0x57ac) }, { } };

static struct pci_driver wild_driver = {
	.name = "wild",
	.id_table = wild_ids,
	.probe = wild_probe,
};

module_pci_driver(wild_driver);
MODULE_DESCRIPTION("Device that is given wrong memory");
MODULE_LICENSE("GPL");
