static void on_remove(struct pci_dev *pdev) { }
static noinline int mistake(struct pci_dev *pdev)
{
	struct device *dev = &pdev->dev; void *p = kzalloc(256, GFP_KERNEL); dma_addr_t h;
	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64))) return -EIO;
	h = dma_map_single(dev, p, 256, DMA_FROM_DEVICE);
	if (dma_mapping_error(dev, h)) return -ENOMEM;
	dma_sync_single_for_cpu(dev, h, 512, DMA_FROM_DEVICE);
	dma_unmap_single(dev, h, 256, DMA_FROM_DEVICE);
	kfree(p);
	return 0;
}
