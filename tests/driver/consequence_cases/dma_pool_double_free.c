static void on_remove(struct pci_dev *pdev) { }
static noinline int mistake(struct pci_dev *pdev)
{
	struct device *dev = &pdev->dev; dma_addr_t h, h2, h3; void *p, *x, *y;
	struct dma_pool *a = dma_pool_create("case_a", dev, 64, 64, 0);
	p = dma_pool_alloc(a, GFP_KERNEL, &h);
	dma_pool_free(a, p, h);
	dma_pool_free(a, p, h);
	x = dma_pool_alloc(a, GFP_KERNEL, &h2);
	y = dma_pool_alloc(a, GFP_KERNEL, &h3);
	say("%d", x == y);
	dma_pool_destroy(a);
	return 0;
}
