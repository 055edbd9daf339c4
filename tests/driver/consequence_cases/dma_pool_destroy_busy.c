static void on_remove(struct pci_dev *pdev) { }
static noinline int mistake(struct pci_dev *pdev)
{
	struct device *dev = &pdev->dev; dma_addr_t h;
	struct dma_pool *a = dma_pool_create("case_a", dev, 64, 64, 0);
	dma_pool_alloc(a, GFP_KERNEL, &h);
	dma_pool_destroy(a);
	return 0;
}
