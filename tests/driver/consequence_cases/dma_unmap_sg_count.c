static void on_remove(struct pci_dev *pdev) { }
static noinline int mistake(struct pci_dev *pdev)
{
	struct device *dev = &pdev->dev; struct scatterlist sg[3]; void *p[3]; int i, n;
	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64))) return -EIO;
	sg_init_table(sg, 3);
	for (i = 0; i < 3; i++) { p[i] = kzalloc(512, GFP_KERNEL); sg_set_buf(&sg[i], p[i], 512); }
	n = dma_map_sg(dev, sg, 3, DMA_TO_DEVICE);
	say("%d", n);
	dma_unmap_sg(dev, sg, 2, DMA_TO_DEVICE);
	return 0;
}
