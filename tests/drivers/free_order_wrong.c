// SPDX-License-Identifier: GPL-2.0
/* Faulty: the cache goes before its last object, and a pool before what it lent. */
#include <linux/module.h>
#include <linux/dmapool.h>
#include <linux/pci.h>
#include <linux/slab.h>

struct post {
	struct dma_pool *stamps;
	void *stamp;
	dma_addr_t stamp_dma;
};

struct letter {
	char address[96];
	u32 weight;
};

static struct kmem_cache *letters;
static struct letter *letter;

static int post_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct post *p = devm_kzalloc(&pdev->dev, sizeof(*p), GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	p->stamps = dma_pool_create("stamps", &pdev->dev, 64, 64, 0);
	if (!p->stamps)
		return -ENOMEM;
	p->stamp = dma_pool_alloc(p->stamps, GFP_KERNEL, &p->stamp_dma);
	if (!p->stamp) {
		dma_pool_destroy(p->stamps);
		return -ENOMEM;
	}
	pci_set_drvdata(pdev, p);
	return 0;
}

static void post_remove(struct pci_dev *pdev)
{
	struct post *p = pci_get_drvdata(pdev);

	dma_pool_destroy(p->stamps); /* the stamp is still out */
}

static const struct pci_device_id post_ids[] = { { PCI_DEVICE(0x1b36, 0x9057) }, { } };

static struct pci_driver post_driver = {
	.name = "post",
	.id_table = post_ids,
	.probe = post_probe,
	.remove = post_remove,
};

static int __init post_init(void)
{
	letters = kmem_cache_create("letters", sizeof(struct letter), 0, SLAB_NO_MERGE, NULL);
	if (!letters)
		return -ENOMEM;
	letter = kmem_cache_alloc(letters, GFP_KERNEL);
	if (!letter) {
		kmem_cache_destroy(letters);
		return -ENOMEM;
	}
	return pci_register_driver(&post_driver);
}

static void __exit post_exit(void)
{
	pci_unregister_driver(&post_driver);
	kmem_cache_destroy(letters); /* the letter is still out */
	pr_info("post: closed\n");
}

module_init(post_init);
module_exit(post_exit);
MODULE_DESCRIPTION("Post office that closes too early");
MODULE_LICENSE("GPL");
