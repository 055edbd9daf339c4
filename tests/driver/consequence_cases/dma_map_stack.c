static void on_remove(struct pci_dev *pdev) { }
static noinline int mistake(struct pci_dev *pdev)
{
	struct device *dev = &pdev->dev; char buf[64]; dma_addr_t h;
	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64))) return -EIO;
	h = dma_map_single(dev, buf, 64, DMA_FROM_DEVICE);
	say("error %d", dma_mapping_error(dev, h));
	return 0;
}
