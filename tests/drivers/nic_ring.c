// SPDX-License-Identifier: GPL-2.0
/* A network card: a coherent ring, streaming buffers, an interrupt, a tasklet, a watchdog timer. */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/slab.h>
#include <linux/timer.h>

#define RING_ENTRIES 8
#define BUFFER_BYTES 2048

struct entry {
	__le64 address;
	__le32 length;
	__le32 flags;
};

struct nic {
	struct pci_dev *pdev;
	struct entry *ring;
	dma_addr_t ring_dma;
	void *buffer;
	dma_addr_t buffer_dma;
	struct tasklet_struct poll;
	struct timer_list watchdog;
	unsigned int received;
	unsigned int ticks;
};

static struct nic *nic;

static void nic_poll(struct tasklet_struct *t)
{
	struct nic *n = from_tasklet(n, t, poll);
	u32 first;

	dma_sync_single_for_cpu(&n->pdev->dev, n->buffer_dma, BUFFER_BYTES, DMA_FROM_DEVICE);
	first = *(u32 *)n->buffer;
	dma_sync_single_for_device(&n->pdev->dev, n->buffer_dma, BUFFER_BYTES, DMA_FROM_DEVICE);
	n->received++;
	dev_info(&n->pdev->dev, "frame %u begins with %#x\n", n->received, first);
}

static irqreturn_t nic_irq(int irq, void *data)
{
	struct nic *n = data;

	tasklet_schedule(&n->poll);
	return IRQ_HANDLED;
}

static void nic_watchdog(struct timer_list *t)
{
	struct nic *n = from_timer(n, t, watchdog);

	n->ticks++;
	mod_timer(&n->watchdog, jiffies + msecs_to_jiffies(100));
}

static int nic_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct nic *n;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (ret)
		return ret;

	n = devm_kzalloc(&pdev->dev, sizeof(*n), GFP_KERNEL);
	if (!n)
		return -ENOMEM;
	n->pdev = pdev;
	n->ring = dmam_alloc_coherent(&pdev->dev, RING_ENTRIES * sizeof(*n->ring), &n->ring_dma,
				      GFP_KERNEL);
	if (!n->ring)
		return -ENOMEM;
	n->buffer = kmalloc(BUFFER_BYTES, GFP_KERNEL);
	if (!n->buffer)
		return -ENOMEM;
	n->buffer_dma = dma_map_single(&pdev->dev, n->buffer, BUFFER_BYTES, DMA_FROM_DEVICE);
	if (dma_mapping_error(&pdev->dev, n->buffer_dma)) {
		ret = -ENOMEM;
		goto free_buffer;
	}
	n->ring[0].address = n->buffer_dma;
	tasklet_setup(&n->poll, nic_poll);
	ret = request_irq(pdev->irq, nic_irq, IRQF_SHARED, "nic", n);
	if (ret)
		goto unmap;
	timer_setup(&n->watchdog, nic_watchdog, 0);
	mod_timer(&n->watchdog, jiffies + msecs_to_jiffies(100));
	pci_set_drvdata(pdev, n);
	nic = n;
	return 0;

unmap:
	dma_unmap_single(&pdev->dev, n->buffer_dma, BUFFER_BYTES, DMA_FROM_DEVICE);
free_buffer:
	kfree(n->buffer);
	return ret;
}

static void nic_remove(struct pci_dev *pdev)
{
	struct nic *n = pci_get_drvdata(pdev);

	timer_delete_sync(&n->watchdog);
	free_irq(pdev->irq, n);
	tasklet_kill(&n->poll);
	dma_unmap_single(&pdev->dev, n->buffer_dma, BUFFER_BYTES, DMA_FROM_DEVICE);
	kfree(n->buffer);
	dev_info(&pdev->dev, "%u frames, %u ticks\n", n->received, n->ticks);
}

static const struct pci_device_id nic_ids[] = { { PCI_DEVICE(0x1b36, 0x0010) }, { 0 } };
MODULE_DEVICE_TABLE(pci, nic_ids);

static struct pci_driver nic_driver = {
	.name = "ringnic",
	.id_table = nic_ids,
	.probe = nic_probe,
	.remove = nic_remove,
};

module_pci_driver(nic_driver);
MODULE_DESCRIPTION("Ring buffer network card");
MODULE_LICENSE("GPL");
