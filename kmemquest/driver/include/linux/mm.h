#ifndef _LINUX_MM_H
#define _LINUX_MM_H
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/gfp.h>
#include <linux/bug.h>
#include <linux/list.h>
#include <linux/mmzone.h>
#include <linux/mm_types.h>
#include <linux/pgtable.h>
#include <linux/align.h>
#include <linux/minmax.h>
#include <asm/page.h>
#include <linux/slab.h>
#include <linux/sizes.h>
#include <linux/shrinker.h>
#include <linux/sched.h>

#define PAGE_ALIGN(addr) ALIGN(addr, PAGE_SIZE)
#define PAGE_ALIGN_DOWN(addr) ALIGN_DOWN(addr, PAGE_SIZE)
#define PAGE_ALIGNED(addr) IS_ALIGNED((unsigned long)(addr), PAGE_SIZE)
#define offset_in_page(p) ((unsigned long)(p) & ~PAGE_MASK)
#define PFN_UP(x) (((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(x) ((x) >> PAGE_SHIFT)
#define PFN_PHYS(x) ((phys_addr_t)(x) << PAGE_SHIFT)
#define PHYS_PFN(x) ((unsigned long)((x) >> PAGE_SHIFT))

struct page *virt_to_page(const void *kaddr);
#define virt_to_page(kaddr) virt_to_page((const void *)(kaddr))
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
#define kunmap_local(addr) do { \
	BUILD_BUG_ON(__builtin_types_compatible_p(typeof(addr), struct page *)); (void)(addr); } while (0)
/* The old form also forbids sleeping and page faults until it is undone. */
#define kmap_atomic(page) ({ preempt_disable(); page_address(page); })
#define kunmap_atomic(addr) do { \
	BUILD_BUG_ON(__builtin_types_compatible_p(typeof(addr), struct page *)); (void)(addr); preempt_enable(); } while (0)

/* Memory of the driver in the address space of a process. */
#define VM_NONE 0x00000000
#define VM_READ 0x00000001
#define VM_WRITE 0x00000002
#define VM_EXEC 0x00000004
#define VM_SHARED 0x00000008
#define VM_MAYREAD 0x00000010
#define VM_MAYWRITE 0x00000020
#define VM_MAYEXEC 0x00000040
#define VM_MAYSHARE 0x00000080
#define VM_PFNMAP 0x00000400
#define VM_LOCKED 0x00002000
#define VM_IO 0x00004000
#define VM_DONTCOPY 0x00020000
#define VM_DONTEXPAND 0x00040000
#define VM_DONTDUMP 0x04000000
#define VM_MIXEDMAP 0x10000000
#define is_cow_mapping(flags) (((flags) & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)
#define pgprot_noncached(prot) ((prot) | 0x18UL)
#define pgprot_writecombine(prot) ((prot) | 0x8UL)
#define vma_pages(vma) (((vma)->vm_end - (vma)->vm_start) >> PAGE_SHIFT)
#define vm_flags_set(vma, flags) ((void)((vma)->__vm_flags |= (flags)))
#define vm_flags_clear(vma, flags) ((void)((vma)->__vm_flags &= ~(unsigned long)(flags)))
#define vm_flags_mod(vma, set, clear) \
	((void)((vma)->__vm_flags = ((vma)->__vm_flags | (set)) & ~(unsigned long)(clear)))

int remap_pfn_range(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn, unsigned long size,
		    pgprot_t prot) __must_check;
#define io_remap_pfn_range(vma, addr, pfn, size, prot) remap_pfn_range(vma, addr, pfn, size, prot)
int vm_iomap_memory(struct vm_area_struct *vma, phys_addr_t start, unsigned long len) __must_check;
int vm_insert_page(struct vm_area_struct *vma, unsigned long addr, struct page *page) __must_check;
int vm_map_pages(struct vm_area_struct *vma, struct page **pages, unsigned long num) __must_check;
int vm_map_pages_zero(struct vm_area_struct *vma, struct page **pages, unsigned long num) __must_check;
vm_fault_t vmf_insert_pfn(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn);
vm_fault_t vmf_insert_page(struct vm_area_struct *vma, unsigned long addr, struct page *page);

/* Pages of a process that stay where they are while a device uses them. */
#define FOLL_WRITE 0x1
#define FOLL_FORCE 0x8
#define FOLL_NOFAULT 0x20
#define FOLL_LONGTERM 0x100
int pin_user_pages_fast(unsigned long start, int nr_pages, unsigned int gup_flags, struct page **pages);
long pin_user_pages_unlocked(unsigned long start, unsigned long nr_pages, struct page **pages,
			     unsigned int gup_flags);
void unpin_user_page(struct page *page);
void unpin_user_pages(struct page **pages, unsigned long npages);
void unpin_user_pages_dirty_lock(struct page **pages, unsigned long npages, bool make_dirty);

#endif
