// SPDX-License-Identifier: GPL-2.0
/* A disk that gathers: pages from anywhere become one transfer. */
#include <linux/module.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#define PIECES 6

struct gather {
	struct pci_dev *pdev;
	struct sg_table table;
	struct page *pages[PIECES];
	struct { dma_addr_t at; u32 length; } program[PIECES];
	unsigned int entries;
};

static struct gather *gather;

static void gather_free_pages(struct gather *g)
{
	int i;

	for (i = 0; i < PIECES && g->pages[i]; i++)
		__free_page(g->pages[i]);
}

static int gather_map(struct gather *g)
{
	struct scatterlist *sg;
	int i, ret;

	ret = sg_alloc_table(&g->table, PIECES, GFP_KERNEL);
	if (ret)
		return ret;
	for_each_sg(g->table.sgl, sg, PIECES, i) {
		sg_set_page(sg, g->pages[i], i == PIECES - 1 ? 512 : PAGE_SIZE, 0);
		memset(sg_virt(sg), 'a' + i, sg->length);
	}
	ret = dma_map_sgtable(&g->pdev->dev, &g->table, DMA_TO_DEVICE, 0);
	if (ret) {
		sg_free_table(&g->table);
		return ret;
	}
	for_each_sgtable_dma_sg(&g->table, sg, i) {
		g->program[i].at = sg_dma_address(sg);
		g->program[i].length = sg_dma_len(sg);
	}
	g->entries = g->table.nents;
	return 0;
}

static int gather_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct gather *g;
	int i, ret = -ENOMEM;

	g = kzalloc(sizeof(*g), GFP_KERNEL);
	if (!g)
		return -ENOMEM;
	g->pdev = pdev;
	for (i = 0; i < PIECES; i++) {
		g->pages[i] = alloc_page(GFP_KERNEL);
		if (!g->pages[i])
			goto out;
	}
	ret = gather_map(g);
	if (ret)
		goto out;
	dev_info(&pdev->dev, "%u entries, the last of %u bytes\n", g->entries,
		 g->program[g->entries - 1].length);
	pci_set_drvdata(pdev, g);
	gather = g;
	return 0;
out:
	gather_free_pages(g);
	kfree(g);
	return ret;
}

static void gather_remove(struct pci_dev *pdev)
{
	struct gather *g = pci_get_drvdata(pdev);

	dma_unmap_sgtable(&pdev->dev, &g->table, DMA_TO_DEVICE, 0);
	sg_free_table(&g->table);
	gather_free_pages(g);
	kfree(g);
}

static const struct pci_device_id gather_ids[] = { { PCI_DEVICE(0x1b36, 0x5ca7) }, { } };

static struct pci_driver gather_driver = {
	.name = "gather",
	.id_table = gather_ids,
	.probe = gather_probe,
	.remove = gather_remove,
};

module_pci_driver(gather_driver);
MODULE_DESCRIPTION("Gathering disk");
MODULE_LICENSE("GPL");
