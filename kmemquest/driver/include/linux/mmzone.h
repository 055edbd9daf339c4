#ifndef _LINUX_MMZONE_H
#define _LINUX_MMZONE_H
#include <linux/mm_types.h>

#define MAX_PAGE_ORDER 10
#define MAX_ORDER_NR_PAGES (1 << MAX_PAGE_ORDER)
#define NR_PAGE_ORDERS (MAX_PAGE_ORDER + 1)
#define PAGE_ALLOC_COSTLY_ORDER 3

#endif
