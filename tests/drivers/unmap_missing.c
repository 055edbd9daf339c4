// SPDX-License-Identifier: GPL-2.0
/* Faulty: remove frees the buffers but leaves the last mapping to the device. */
#include <linux/module.h>
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/slab.h>

#define BUFFERS 3
#define BYTES 2048

struct mover {
	void *buffer[BUFFERS];
	dma_addr_t dma[BUFFERS];
};

static int mover_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct mover *m = devm_kzalloc(&pdev->dev, sizeof(*m), GFP_KERNEL);
	int i;

	if (!m)
		return -ENOMEM;
	for (i = 0; i < BUFFERS; i++) {
		m->buffer[i] = kmalloc(BYTES, GFP_KERNEL);
		if (!m->buffer[i])
			goto out;
		m->dma[i] = dma_map_single(&pdev->dev, m->buffer[i], BYTES, DMA_FROM_DEVICE);
		if (dma_mapping_error(&pdev->dev, m->dma[i])) {
			kfree(m->buffer[i]);
			goto out;
		}
	}
	pci_set_drvdata(pdev, m);
	return 0;
out:
	while (i--) {
		dma_unmap_single(&pdev->dev, m->dma[i], BYTES, DMA_FROM_DEVICE);
		kfree(m->buffer[i]);
	}
	return -ENOMEM;
}

static void mover_remove(struct pci_dev *pdev)
{
	struct mover *m = pci_get_drvdata(pdev);
	int i;

	for (i = 0; i < BUFFERS - 1; i++) /* one too few */
		dma_unmap_single(&pdev->dev, m->dma[i], BYTES, DMA_FROM_DEVICE);
	for (i = 0; i < BUFFERS; i++)
		kfree(m->buffer[i]);
}

static const struct pci_device_id mover_ids[] = { { PCI_DEVICE(0x1b36, 0x3003) }, { } };

static struct pci_driver mover_driver = {
	.name = "mover",
	.id_table = mover_ids,
	.probe = mover_probe,
	.remove = mover_remove,
};

module_pci_driver(mover_driver);
MODULE_DESCRIPTION("Mover that forgets a mapping");
MODULE_LICENSE("GPL");
