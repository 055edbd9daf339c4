/* The contiguous memory area: drivers reach it through dma_alloc_coherent. */
#ifndef _LINUX_CMA_H
#define _LINUX_CMA_H
#include <linux/mm.h>
#define CMA_MAX_ALIGNMENT_ORDER 8
#endif
