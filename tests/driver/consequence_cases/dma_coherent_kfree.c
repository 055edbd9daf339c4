static void on_remove(struct pci_dev *pdev) { }
static noinline int mistake(struct pci_dev *pdev)
{
	struct device *dev = &pdev->dev; dma_addr_t h; void *p;
	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64))) return -EIO;
	p = dma_alloc_coherent(dev, 4096, &h, GFP_KERNEL);
	kfree(p);
	return 0;
}
