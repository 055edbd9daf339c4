/* The contiguous memory area: large blocks at run time (boot word cma=SIZE). */
#ifndef _LINUX_CMA_H
#define _LINUX_CMA_H
#include <linux/types.h>
#include <linux/mm.h>

#define CMA_MAX_ALIGNMENT_ORDER 8
#define CONFIG_CMA_ALIGNMENT 8

struct cma;
struct device;

extern struct cma *dma_contiguous_default_area;
struct page *cma_alloc(struct cma *cma, unsigned long count, unsigned int align, bool no_warn);
bool cma_release(struct cma *cma, const struct page *pages, unsigned long count);
phys_addr_t cma_get_base(const struct cma *cma);
unsigned long cma_get_size(const struct cma *cma);
const char *cma_get_name(const struct cma *cma);
struct page *dma_alloc_from_contiguous(struct device *dev, size_t count, unsigned int order, bool no_warn);
bool dma_release_from_contiguous(struct device *dev, struct page *pages, int count);

#endif
