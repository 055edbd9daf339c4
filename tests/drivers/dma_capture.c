// SPDX-License-Identifier: GPL-2.0
/* A capture card: the device fills a coherent buffer that a program maps. */
#include <linux/module.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/poll.h>

#define FRAME_BYTES (4 * PAGE_SIZE)

struct capture {
	struct pci_dev *pdev;
	struct miscdevice misc;
	void *frame;
	dma_addr_t frame_dma;
	wait_queue_head_t wait;
	unsigned int frames;
	unsigned int seen;
};

static struct capture *card;

static irqreturn_t capture_irq(int irq, void *data)
{
	struct capture *c = data;

	c->frames++;
	wake_up_interruptible(&c->wait);
	return IRQ_HANDLED;
}

static __poll_t capture_poll(struct file *file, poll_table *wait)
{
	poll_wait(file, &card->wait, wait);
	if (card->seen == card->frames)
		return 0;
	card->seen = card->frames;
	return EPOLLIN | EPOLLRDNORM;
}

static int capture_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	vm_flags_clear(vma, VM_MAYWRITE);
	return dma_mmap_coherent(&card->pdev->dev, vma, card->frame, card->frame_dma, FRAME_BYTES);
}

static const struct file_operations capture_fops = {
	.owner = THIS_MODULE,
	.poll = capture_poll,
	.mmap = capture_mmap,
};

static int capture_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct capture *c;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	c = devm_kzalloc(&pdev->dev, sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	c->pdev = pdev;
	init_waitqueue_head(&c->wait);
	c->frame = dma_alloc_coherent(&pdev->dev, FRAME_BYTES, &c->frame_dma, GFP_KERNEL);
	if (!c->frame)
		return -ENOMEM;
	ret = request_irq(pdev->irq, capture_irq, 0, "capture", c);
	if (ret)
		goto out_frame;
	c->misc.minor = MISC_DYNAMIC_MINOR;
	c->misc.name = "capture";
	c->misc.fops = &capture_fops;
	card = c;
	ret = misc_register(&c->misc);
	if (ret)
		goto out_irq;
	pci_set_drvdata(pdev, c);
	return 0;

out_irq:
	free_irq(pdev->irq, c);
out_frame:
	dma_free_coherent(&pdev->dev, FRAME_BYTES, c->frame, c->frame_dma);
	return ret;
}

static void capture_remove(struct pci_dev *pdev)
{
	struct capture *c = pci_get_drvdata(pdev);

	misc_deregister(&c->misc);
	free_irq(pdev->irq, c);
	dma_free_coherent(&pdev->dev, FRAME_BYTES, c->frame, c->frame_dma);
}

static const struct pci_device_id capture_ids[] = { { PCI_DEVICE(0x1b36, 0x00c4) }, { } };
MODULE_DEVICE_TABLE(pci, capture_ids);

static struct pci_driver capture_driver = {
	.name = "capture",
	.id_table = capture_ids,
	.probe = capture_probe,
	.remove = capture_remove,
};

module_pci_driver(capture_driver);
MODULE_DESCRIPTION("Capture card with a mapped frame");
MODULE_LICENSE("GPL");
