// SPDX-License-Identifier: GPL-2.0
/* A video engine needs one large contiguous frame: from the reserved area, or smaller without it. */
#include <linux/module.h>
#include <linux/cma.h>
#include <linux/dma-mapping.h>
#include <linux/hugetlb.h>
#include <linux/pci.h>
#include <linux/sizes.h>

struct video {
	struct pci_dev *pdev;
	void *frame;
	dma_addr_t frame_dma;
	size_t bytes;
};

static int video_buffer(struct video *v)
{
	size_t wanted;

	for (wanted = SZ_8M; wanted >= SZ_64K; wanted /= 2) {
		v->frame = dma_alloc_coherent(&v->pdev->dev, wanted, &v->frame_dma,
					      GFP_KERNEL | __GFP_NOWARN);
		if (v->frame) {
			v->bytes = wanted;
			return 0;
		}
	}
	return -ENOMEM;
}

static int video_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct video *v;
	int ret;

	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (ret)
		return ret;
	v = devm_kzalloc(&pdev->dev, sizeof(*v), GFP_KERNEL);
	if (!v)
		return -ENOMEM;
	v->pdev = pdev;
	ret = video_buffer(v);
	if (ret)
		return ret;
	dev_info(&pdev->dev, "%zu KiB, %lu huge pages' worth\n", v->bytes >> 10, v->bytes / HPAGE_SIZE);
	memset(v->frame + v->bytes - 16, 0x10, 16);
	pci_set_drvdata(pdev, v);
	return 0;
}

static void video_remove(struct pci_dev *pdev)
{
	struct video *v = pci_get_drvdata(pdev);

	dma_free_coherent(&pdev->dev, v->bytes, v->frame, v->frame_dma);
}

static const struct pci_device_id video_ids[] = { { PCI_DEVICE(0x1b36, 0x71de) }, { } };

static struct pci_driver video_driver = {
	.name = "video",
	.id_table = video_ids,
	.probe = video_probe,
	.remove = video_remove,
};

module_pci_driver(video_driver);
MODULE_DESCRIPTION("Video engine with a large frame");
MODULE_LICENSE("GPL");
