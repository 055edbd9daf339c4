/* The lock of a page. */
#ifndef _LINUX_PAGEMAP_H
#define _LINUX_PAGEMAP_H
#include <linux/mm.h>
#include <linux/fs.h>
#include <linux/highmem.h>

void __kmq_lock_page(struct page *page);
#define lock_page(page) __kmq_lock_page(page)
void unlock_page(struct page *page);
bool PageLocked(const struct page *page);

#endif
