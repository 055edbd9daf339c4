static void on_remove(struct pci_dev *pdev) { }
static noinline int mistake(struct pci_dev *pdev)
{
	struct device *dev = &pdev->dev; void *p = kzalloc(256, GFP_KERNEL); dma_addr_t h;
	dev->dma_mask = NULL;
	h = dma_map_single(dev, p, 256, DMA_FROM_DEVICE);
	say("error %d", dma_mapping_error(dev, h));
	return 0;
}
