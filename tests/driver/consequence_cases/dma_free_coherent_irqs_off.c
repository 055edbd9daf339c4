static void on_remove(struct pci_dev *pdev) { }
static noinline int mistake(struct pci_dev *pdev)
{
	struct device *dev = &pdev->dev; dma_addr_t h; void *p; unsigned long f;
	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64))) return -EIO;
	p = dma_alloc_coherent(dev, 4096, &h, GFP_KERNEL);
	local_irq_save(f);
	dma_free_coherent(dev, 4096, p, h);
	local_irq_restore(f);
	return 0;
}
