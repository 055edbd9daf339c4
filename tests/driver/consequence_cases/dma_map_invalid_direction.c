static void on_remove(struct pci_dev *pdev) { }
static noinline int mistake(struct pci_dev *pdev)
{
	struct device *dev = &pdev->dev; void *p = kzalloc(256, GFP_KERNEL); dma_addr_t h;
	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64))) return -EIO;
	h = dma_map_single(dev, p, 256, hide(DMA_NONE));
	say("error %d", dma_mapping_error(dev, h));
	return 0;
}
