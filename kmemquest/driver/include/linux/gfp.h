/* Whole pages from the page allocator. */
#ifndef _LINUX_GFP_H
#define _LINUX_GFP_H
#include <linux/numa.h>
#include <linux/gfp_types.h>
#include <linux/compiler.h>
#include <asm/page.h>

struct page;

struct page *alloc_pages(gfp_t gfp, unsigned int order);
struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order);
unsigned long __get_free_pages(gfp_t gfp, unsigned int order);
unsigned long get_zeroed_page(gfp_t gfp);
void *alloc_pages_exact(size_t size, gfp_t gfp) __alloc_size(1);
void free_pages_exact(void *virt, size_t size);
unsigned long alloc_pages_bulk_array(gfp_t gfp, unsigned long nr_pages, struct page **page_array);
void __free_pages(struct page *page, unsigned int order);
void free_pages(unsigned long addr, unsigned int order);
bool gfpflags_allow_blocking(const gfp_t gfp_flags);

/* Fragments of a page, for buffers that live about as long as each other. */
struct page_frag_cache;
void *page_frag_alloc(struct page_frag_cache *nc, unsigned int fragsz, gfp_t gfp);
void *__page_frag_alloc_align(struct page_frag_cache *nc, unsigned int fragsz, gfp_t gfp,
			      unsigned int align_mask);
void page_frag_free(void *addr);
void page_frag_cache_drain(struct page_frag_cache *nc);
#define page_frag_alloc_align(nc, fragsz, gfp, align) \
	__page_frag_alloc_align(nc, fragsz, gfp, -(align))

#define alloc_page(gfp) alloc_pages(gfp, 0)
#define __get_free_page(gfp) __get_free_pages(gfp, 0)
#define __get_dma_pages(gfp, order) __get_free_pages((gfp) | GFP_DMA, order)
#define __free_page(page) __free_pages(page, 0)
#define free_page(addr) free_pages(addr, 0)

#endif
