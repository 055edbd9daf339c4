// SPDX-License-Identifier: GPL-2.0
/* Sound: two halves of one buffer; while the card plays one, the driver fills the other. */
#include <linux/module.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/slab.h>

#define HALF_BYTES 1024
#define BUFFER_BYTES (2 * HALF_BYTES)

struct sound {
	struct pci_dev *pdev;
	s16 *buffer;
	dma_addr_t dma;
	unsigned int half;
	u32 phase;
};

static struct sound *sound;

static void sound_fill(struct sound *s, unsigned int half)
{
	s16 *to = s->buffer + half * (HALF_BYTES / sizeof(s16));
	unsigned int i;

	for (i = 0; i < HALF_BYTES / sizeof(s16); i++)
		to[i] = (s->phase++ & 63) < 32 ? 8000 : -8000;
}

static irqreturn_t sound_period(int irq, void *data)
{
	struct sound *s = data;
	dma_addr_t at = s->dma + s->half * HALF_BYTES;

	dma_sync_single_for_cpu(&s->pdev->dev, at, HALF_BYTES, DMA_TO_DEVICE);
	sound_fill(s, s->half);
	dma_sync_single_for_device(&s->pdev->dev, at, HALF_BYTES, DMA_TO_DEVICE);
	s->half ^= 1;
	return IRQ_HANDLED;
}

static int sound_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct sound *s = kzalloc(sizeof(*s), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!s)
		return -ENOMEM;
	s->pdev = pdev;
	s->buffer = kmalloc(BUFFER_BYTES, GFP_KERNEL);
	if (!s->buffer)
		goto out;
	sound_fill(s, 0);
	sound_fill(s, 1);
	s->dma = dma_map_single(&pdev->dev, s->buffer, BUFFER_BYTES, DMA_TO_DEVICE);
	if (dma_mapping_error(&pdev->dev, s->dma))
		goto out_buffer;
	ret = request_irq(pdev->irq, sound_period, IRQF_SHARED, "sound", s);
	if (ret)
		goto out_map;
	pci_set_drvdata(pdev, s);
	sound = s;
	return 0;

out_map:
	dma_unmap_single(&pdev->dev, s->dma, BUFFER_BYTES, DMA_TO_DEVICE);
out_buffer:
	kfree(s->buffer);
out:
	kfree(s);
	return ret;
}

static void sound_remove(struct pci_dev *pdev)
{
	struct sound *s = pci_get_drvdata(pdev);

	free_irq(pdev->irq, s);
	dma_unmap_single(&pdev->dev, s->dma, BUFFER_BYTES, DMA_TO_DEVICE);
	kfree(s->buffer);
	dev_info(&pdev->dev, "%u samples\n", s->phase);
	kfree(s);
}

static const struct pci_device_id sound_ids[] = { { PCI_DEVICE(0x1b36, 0x5011) }, { } };

static struct pci_driver sound_driver = {
	.name = "sound",
	.id_table = sound_ids,
	.probe = sound_probe,
	.remove = sound_remove,
};

module_pci_driver(sound_driver);
MODULE_DESCRIPTION("Sound card with a double buffer");
MODULE_LICENSE("GPL");
