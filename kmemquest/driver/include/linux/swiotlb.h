/* Bounce buffers for devices that do not reach all memory. */
#ifndef _LINUX_SWIOTLB_H
#define _LINUX_SWIOTLB_H
#include <linux/types.h>
#include <linux/dma-direction.h>

struct device;

#define IO_TLB_SHIFT 11
#define IO_TLB_SIZE (1 << IO_TLB_SHIFT)
#define IO_TLB_SEGSIZE 128
#define IO_TLB_DEFAULT_SIZE (64UL << 20)

bool is_swiotlb_active(struct device *dev);
size_t swiotlb_max_mapping_size(struct device *dev);
phys_addr_t default_swiotlb_base(void);
phys_addr_t default_swiotlb_limit(void);

#endif
