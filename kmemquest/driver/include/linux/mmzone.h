#ifndef _LINUX_MMZONE_H
#define _LINUX_MMZONE_H
#include <linux/mm_types.h>

#define MAX_PAGE_ORDER 10
#define MAX_ORDER_NR_PAGES (1 << MAX_PAGE_ORDER)
#define NR_PAGE_ORDERS (MAX_PAGE_ORDER + 1)
#define PAGE_ALLOC_COSTLY_ORDER 3

enum zone_stat_item { NR_FREE_PAGES };
enum migratetype { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE };

unsigned long global_zone_page_state(enum zone_stat_item item);

#endif
