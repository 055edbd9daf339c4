"""The DMA API of `kernel/dma/`: masks, coherent and streaming mappings, swiotlb, pools."""
