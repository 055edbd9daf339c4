#ifndef _LINUX_MM_H
#define _LINUX_MM_H
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/gfp.h>
#include <linux/bug.h>
#include <linux/list.h>
#include <linux/mmzone.h>
#include <linux/align.h>
#include <linux/minmax.h>
#include <asm/page.h>

#define PAGE_ALIGN(addr) ALIGN(addr, PAGE_SIZE)
#define PAGE_ALIGN_DOWN(addr) ALIGN_DOWN(addr, PAGE_SIZE)
#define PAGE_ALIGNED(addr) IS_ALIGNED((unsigned long)(addr), PAGE_SIZE)
#define offset_in_page(p) ((unsigned long)(p) & ~PAGE_MASK)
#define PFN_UP(x) (((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(x) ((x) >> PAGE_SHIFT)
#define PFN_PHYS(x) ((phys_addr_t)(x) << PAGE_SHIFT)
#define PHYS_PFN(x) ((unsigned long)((x) >> PAGE_SHIFT))

struct page *virt_to_page(const void *kaddr);
struct page *pfn_to_page(unsigned long pfn);
unsigned long page_to_pfn(const struct page *page);
phys_addr_t page_to_phys(const struct page *page);
void *page_address(const struct page *page);
phys_addr_t virt_to_phys(const volatile void *address);
void *phys_to_virt(phys_addr_t address);
bool virt_addr_valid(const void *kaddr);
bool pfn_valid(unsigned long pfn);
bool is_vmalloc_addr(const void *x);
bool is_vmalloc_or_module_addr(const void *x);
int page_count(const struct page *page);
#define page_ref_count(page) page_count(page)
unsigned long vm_mmap(void *file, unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flag, unsigned long offset);
int vm_munmap(unsigned long start, size_t len);
int page_to_nid(const struct page *page);
struct zone *page_zone(const struct page *page);
void get_page(struct page *page);
void put_page(struct page *page);
void split_page(struct page *page, unsigned int order);
unsigned int compound_order(struct page *page);
bool PageCompound(const struct page *page);
bool PageSlab(const struct page *page);
bool PageReserved(const struct page *page);
void SetPageReserved(struct page *page);
void ClearPageReserved(struct page *page);
void clear_page(void *page);
void copy_page(void *to, void *from);
void clear_highpage(struct page *page);
unsigned long nr_free_pages(void);
unsigned long totalram_pages(void);

#define virt_to_pfn(kaddr) (__pa(kaddr) >> PAGE_SHIFT)
#define pfn_to_kaddr(pfn) __va((unsigned long)(pfn) << PAGE_SHIFT)
#define page_to_virt(page) page_address(page)
#define virt_to_head_page(x) virt_to_page(x)
#define kmap(page) page_address(page)
#define kunmap(page) do { (void)(page); } while (0)
#define kmap_local_page(page) page_address(page)
#define kunmap_local(addr) do { (void)(addr); } while (0)

void *kvmalloc(size_t size, gfp_t flags) __alloc_size(1);
void *kvzalloc(size_t size, gfp_t flags) __alloc_size(1);
void *kvmalloc_node(size_t size, gfp_t flags, int node) __alloc_size(1);
void *kvzalloc_node(size_t size, gfp_t flags, int node) __alloc_size(1);
void *kvmalloc_array(size_t n, size_t size, gfp_t flags) __alloc_size(1, 2);
void *kvcalloc(size_t n, size_t size, gfp_t flags) __alloc_size(1, 2);
void kvfree(const void *addr);
void kvfree_sensitive(const void *addr, size_t len);

#endif
